"""Tools in containers: the command around a program's, and what really happens with podman."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from podman_support import IMAGE, podman_or_skip
from run_support import until

from radps_dag.executors import worker
from radps_dag.executors.call import Setup
from radps_dag.executors.wire import introduction
from radps_dag.outcome import CallFailed
from radps_dag.problem import UsageError
from radps_dag.profile import load_profile
from radps_dag.workloads.contract.description import Workload
from radps_dag.workloads.contract.fingerprint import fingerprint
from radps_dag.workloads.contract.notes import noting
from radps_dag.workloads.contract.registry import Library, find_library, in_containers
from radps_dag.workloads.contract.workload import invoke
from radps_dag.workloads.tools import containers
from radps_dag.workloads.tools.containers import Bind, Container, ContainerMissing, container_of
from radps_dag.workloads.tools.process import Host, hosting
from radps_dag.workloads.tools.reading import read_tool
from radps_dag.workloads.tools.tool import Containers

TOOL = f"""
version: 1
name: tool
program: [sh]
image: docker://{IMAGE}
inputs:
  script: {{type: string}}
  data: {{type: Product, default: null}}
  ms: {{type: Product, default: null}}
arguments: [-c, "${{{{ inputs.script }}}}", sh, "${{{{ inputs.data }}}}"]
environment: {{MARK: "a 'b'\\nc"}}
outputs:
  said: {{type: string, stdout: "said (?P<said>.*)"}}
mutates: [ms]
"""


@pytest.fixture(autouse=True)
def forget() -> None:
    """What a test before has found on its PATH is nothing to this one."""
    containers._found.cache_clear()


@pytest.fixture(scope="session")
def engine() -> Iterator[Path]:
    """A directory with a podman that works; podman wants a path of at most 50 characters."""
    with tempfile.TemporaryDirectory(prefix="podman-", dir="/tmp") as folder:
        yield podman_or_skip(Path(folder))


@pytest.fixture
def podman(engine: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", f"{engine}:{os.environ['PATH']}")
    return engine / "podman"


def tool(folder: Path, of: Containers | None, text: str = TOOL) -> Workload:
    path = folder / "tool.yaml"
    path.write_text(text.replace("[sh]", "[sh]"))
    read = read_tool(path)
    return in_containers(Library("", {read.name: read}), of).workloads[read.name]


def call(folder: Path, workload: Workload, host: Host | None = None, **inputs: Any) -> Any:
    workdir = folder / "call"
    with Path(os.devnull).open("wb") as nowhere, hosting(host or Host(nowhere.fileno())):
        return invoke(workload, inputs, workdir, 0)


def words_of(engine: str, network: bool = False) -> tuple[list[str], dict[bytes, bytes]]:
    binds = [Bind("/call", writable=True), Bind("/data/a.ms")]
    variables = {b"PATH": b"/bin", b"LANG": b"C", b"KEY": b"secret", b"HOME": b"/root"}
    words, environment = Container(engine, f"/bin/{engine}", "x", "sha256:1").command(
        [b"wsclean", b"-n", b"1"], Path("/call"), binds, variables, network=network, name="NAME"
    )
    return [word.decode() for word in words], environment


@pytest.mark.parametrize("engine", ["podman", "docker"])
def test_the_command_of_podman_and_docker(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No network, nothing fetched, the caller's user, data to read alone, the image by its digest;
    of the machine's variables none but those that are named, without their values."""
    monkeypatch.delenv("KEY", raising=False)
    monkeypatch.setenv("LANG", "C")
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    monkeypatch.setattr(os, "getgid", lambda: 100)
    words, environment = words_of(engine)
    text = " ".join(words)
    assert words[:2] == [f"/bin/{engine}", "run"]
    assert "--rm --name NAME --pull never --network none" in text
    assert ("--userns keep-id" in text) == (engine == "podman")
    assert "--user 1000:100" in text
    assert "--workdir /call --env HOME=/call" in text
    assert "--mount type=bind,source=/call,destination=/call --mount" in text
    assert "--mount type=bind,source=/data/a.ms,destination=/data/a.ms,readonly" in text
    assert "secret" not in text
    assert environment[b"KEY"] == b"secret"
    assert [words[n + 1] for n, word in enumerate(words) if word == "--env"][1:] == ["KEY", "LANG"]
    assert words[-5:] == ["--entrypoint", "wsclean", "sha256:1", "-n", "1"]
    assert "--network" not in words_of(engine, network=True)[0]


def test_the_command_of_apptainer() -> None:
    """The same in its words; its container is a process of ours, which needs no name."""
    words, environment = words_of("apptainer")
    text = " ".join(words)
    assert text.startswith("/bin/apptainer exec --containall --cleanenv --net --network none ")
    assert "--home /call --pwd /call --mount type=bind,source=/call,destination=/call" in text
    assert "--mount type=bind,source=/data/a.ms,destination=/data/a.ms,ro" in text
    assert words[-4:] == ["sha256:1", "wsclean", "-n", "1"]
    assert environment[b"APPTAINERENV_KEY"] == b"secret"
    assert b"APPTAINERENV_PATH" not in environment
    assert "--network" not in words_of("apptainer", network=True)[0]


@pytest.mark.parametrize(
    ("engine", "image", "reason"),
    [
        ("docker", "x:1", "docker is not on this machine; install it"),
        ("apptainer", "docker://x:1", "apptainer cannot say which docker://x:1 is"),
        ("apptainer", "x.sif", "x.sif is not there"),
        ("podman", "x.sif", "podman does not run"),
        ("podman", "docker://x:1", "the image x:1 is not on this machine: podman pull x:1"),
    ],
)
def test_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str, image: str, reason: str
) -> None:
    """The message says how to get it; with `fallback` the machine's program runs, with a note."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("podman", "apptainer"):
        (programs / name).write_text("#!/bin/sh\nexit 125\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setattr("shutil.which", _which(monkeypatch, programs))
    text = TOOL.replace(f"docker://{IMAGE}", image)
    wanted = tool(tmp_path, Containers(engine), text)
    assert wanted.tool is not None
    with pytest.raises(ContainerMissing, match=reason):
        container_of(wanted.tool)
    with pytest.raises(CallFailed, match=reason) as failed:
        call(tmp_path, wanted, script="echo said hi")
    assert failed.value.error == "ProgramMissing"
    with noting() as notes:
        found = call(
            tmp_path, tool(tmp_path, Containers(engine, fallback=True), text), script="echo said hi"
        )
    assert found == {"said": "hi"}
    assert notes == ["tool: not in a container, but the program of this machine"]


def _which(monkeypatch: pytest.MonkeyPatch, programs: Path) -> Any:
    import shutil

    real = shutil.which
    return lambda name, path=None: None if name == "docker" else real(name, path=path)


def test_in_podman(tmp_path: Path, podman: Path) -> None:
    """The program sees its image, its data to read, those that it changes to write, and its
    directory; what it leaves is the caller's; there is no network, and variables are a list."""
    data, ms = tmp_path / "data", tmp_path / "my ms"
    data.mkdir()
    ms.mkdir()
    (data / "x").write_text("content\n")
    workload = tool(tmp_path, Containers("podman"))
    script = f"""
        touch made; touch '{ms}/changed'; touch {data}/no 2>/dev/null && exit 3
        echo said $(cat {data}/x) $(id -u) $(ls /sys/class/net) "$MARK" $HOME ${{USER-none}}
        ls {tmp_path}/tool.yaml 2>/dev/null && exit 4; exit 0"""
    given = {"data": {"uri": data.as_uri(), "kind": "d"}, "ms": {"uri": ms.as_uri(), "kind": "d"}}
    found = call(tmp_path, workload, script=script, **given)
    folder = tmp_path / "call"
    assert found == {"said": f"content {os.getuid()} lo a 'b'"}
    assert (folder / "made").stat().st_uid == os.getuid()
    assert {path.name for path in ms.iterdir()} == {"changed"}
    assert {path.name for path in data.iterdir()} == {"x"}
    assert containers_of(podman) == ""


def test_another_image_is_another_key(tmp_path: Path, podman: Path) -> None:
    """The digest counts, not the name; without an engine the program of the machine does."""
    (tmp_path / "other").mkdir()
    first = fingerprint(tool(tmp_path, Containers("podman")))
    assert first == fingerprint(tool(tmp_path, Containers("podman")))
    assert first != fingerprint(tool(tmp_path, None))
    workload = tool(tmp_path, Containers("podman"))
    assert workload.tool is not None
    container = container_of(workload.tool)
    assert container is not None
    (tmp_path / "other/file").write_text("x")
    archive = tmp_path / "other.tar"
    subprocess.run(["tar", "-C", tmp_path / "other", "-cf", archive, "."], check=True)
    subprocess.run([podman, "import", archive, IMAGE], check=True, capture_output=True)
    try:
        containers._found.cache_clear()
        assert fingerprint(tool(tmp_path, Containers("podman"))) != first
    finally:
        subprocess.run([podman, "tag", container.identity, IMAGE], check=True)


@pytest.mark.parametrize("how", ["ended", "killed"])
def test_a_container_ends_with_its_call(tmp_path: Path, podman: Path, how: str) -> None:
    """A call that is given up takes its container along, also one that hears no signal; so does
    a process that is killed."""
    workload = tool(tmp_path, Containers("podman"))
    started = tmp_path / "call" / "started"
    script = "trap '' TERM; touch started; sleep 60"
    if how == "killed":
        if (child := os.fork()) == 0:
            call(tmp_path, workload, Host(2, apart=True), script=script)
            os._exit(0)
        until(started.exists)
        os.kill(child, 9)
        os.waitpid(child, 0)
    else:
        host = Host(2, apart=True)
        failures: list[BaseException] = []

        def given_up() -> None:
            try:
                call(tmp_path, workload, host, script=script)
            except CallFailed as failed:
                failures.append(failed)

        thread = threading.Thread(target=given_up)
        thread.start()
        until(started.exists)
        host.end(1)
        thread.join(30)
        assert failures
    until(lambda: containers_of(podman) == "")


def containers_of(podman: Path) -> str:
    told = subprocess.run(
        [podman, "ps", "--all", "--format", "{{.Names}}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return told.stdout


def test_workers_know_the_engine(tmp_path: Path) -> None:
    """A process that computes elsewhere runs tools in the same engine."""
    (tmp_path / "tool.yaml").write_text(TOOL)
    chosen = Containers("podman", fallback=True)
    library = in_containers(find_library("placeholder", [tmp_path / "tool.yaml"]), chosen)
    told = json.loads(json.dumps(introduction(Setup(library, 1, tmp_path / "log"))))
    there, refusal = worker._found(told)
    assert refusal == ""
    assert there is not None and there.workloads["tool"].tool is not None
    assert there.workloads["tool"].tool.containers == chosen


def test_the_profile_names_an_engine(tmp_path: Path) -> None:
    """podman, docker or apptainer, and whether the machine's programs may stand in."""
    path = tmp_path / "radps-dag.toml"
    path.write_text('[containers]\nengine = "podman"\nfallback = true\n')
    assert load_profile(path).containers == Containers("podman", fallback=True)
    for text, reason in (
        ("fallback = true", "containers.engine is missing: podman, docker"),
        ('engine = "lxc"', "containers.engine must be one of them, not 'lxc'"),
        ('engine = "podman"\nfallback = 1', "containers.fallback must be true or false"),
        ('engin = "podman"', "did you mean 'engine'"),
    ):
        path.write_text(f"[containers]\n{text}\n")
        with pytest.raises(UsageError, match=reason):
            load_profile(path)
