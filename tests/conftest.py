"""Servers for the whole test session, thrown away after it: Prefect's, PostgreSQL, one like S3."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import examples
import marks
import postgres_server
import pytest
from skips import pytest_make_collect_report, pytest_runtest_makereport

from radps_dag.prefect import server
from radps_dag.prefect.server import ServerAddress

# Hooks: pytest finds them by their names here.
__all__ = [
    "pytest_make_collect_report",
    "pytest_runtest_makereport",
]

examples.register()


def pytest_configure(config: pytest.Config) -> None:
    """Have `marks` see the doctests of the package too: this file's hooks see its own folder."""
    config.pluginmanager.register(marks)


# A shell that puts the tests in the background has them, and all that they start, ignore Ctrl-C.
for _signal in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    if signal.getsignal(_signal) is signal.SIG_IGN:
        signal.signal(
            _signal, signal.default_int_handler if _signal is signal.SIGINT else signal.SIG_DFL
        )

# Loaded by every Python that starts with this folder on its path: notes each name that is looked
# up and each address that is connected to.
_AUDIT = """
import os, sys
def _note(event, arguments):
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.connect"):
        with open(os.environ["RADPS_TEST_AUDIT"], "a") as file:
            what = arguments[1] if event == "socket.connect" else arguments[0]
            file.write(f"{os.getpid()} {event} {what!r}\\n")
sys.addaudithook(_note)
"""


@pytest.fixture(scope="session", autouse=True)
def server_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home of the test session's own, so that no test touches the user's; empty at first."""
    home = tmp_path_factory.mktemp("radps-dag-home")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("PREFECT_", "RADPS_DAG_"))]:
            patch.delenv(name)
        patch.setenv("RADPS_DAG_HOME", str(home))
        yield home
        server.stop(home, force=True)


@pytest.fixture(scope="session")
def server_audit(server_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the session's server looked up and connected to, a line each."""
    return tmp_path_factory.mktemp("audit") / "network.txt"


@pytest.fixture(scope="session")
def prefect_server(server_home: Path, server_audit: Path) -> ServerAddress:
    """The session's server, running. `server.client_environment` of it has the variables."""
    (server_audit.parent / "sitecustomize.py").write_text(_AUDIT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RADPS_TEST_AUDIT", str(server_audit))
        patch.setenv("PYTHONPATH", str(server_audit.parent), prepend=os.pathsep)
        server.stop(server_home, force=True)  # one that a test of the command line has started
        return server.ensure_server(server_home, idle_timeout=3600)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[postgres_server.Server]:
    """A PostgreSQL server of the session's own; the test is skipped where there is none."""
    reason = postgres_server.missing()
    if reason:
        pytest.skip(reason)
    with postgres_server.serving() as running:
        yield running


@pytest.fixture(scope="session")
def bucket_server() -> Iterator[str]:
    """The address of a server that speaks S3, on the loopback interface and in memory."""
    from moto.server import ThreadedMotoServer

    serving = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    serving.start()
    host, port = serving.get_host_and_port()
    yield f"http://{host}:{port}"
    serving.stop()


@pytest.fixture
def bucket(bucket_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a new, empty bucket; this process and its children know how to get there."""
    import fsspec

    for name, value in {
        "AWS_ENDPOINT_URL": bucket_server,
        "AWS_ACCESS_KEY_ID": "tester",
        "AWS_SECRET_ACCESS_KEY": "secret-word",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    name = f"radps-{uuid.uuid4().hex[:12]}"
    fsspec.filesystem("s3").mkdir(name)
    return f"s3://{name}"
