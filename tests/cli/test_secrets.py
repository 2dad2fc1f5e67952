"""Secret params: what they hold reaches workloads and nothing else; looked for in every byte."""

from __future__ import annotations

import base64
import contextlib
import copy
import io
import json
import os
import pickle
import sqlite3
import zipfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from forked import command
from repository import SUPPORT
from run_support import Ran, record_of, run, write
from secret_workloads import digest_of

from radps_dag.cli.main import main
from radps_dag.journal.workspace import Workspace
from radps_dag.language.model import Pipeline
from radps_dag.language.params import resolve
from radps_dag.loader import load
from radps_dag.opening import params_of
from radps_dag.prefect.server import ServerAddress
from radps_dag.problem import InvalidPipeline, UsageError
from radps_dag.profile import load_profile
from radps_dag.reuse.keys import Keys
from radps_dag.runs.provenance import _discreet
from radps_dag.sealed import STARS, Sealed, Secrets, salt_of, variable
from radps_dag.workloads.contract.registry import find_library

WORKLOADS = SUPPORT / "secret_workloads.py"
# Quoted for an address, in Python and in JSON it is another text each time; the core is none of it.
CORE = "Zq7xW9vKpR"
SECRET = f'{CORE}/&"\\ü'
VARIABLE = variable("token")
LOGIN = """
version: 1
name: login
params:
  token: {type: string, secret: true, description: for the archive}
  field: {type: string, default: M31}
stages:
  use: {run: use_token, with: {token: "${{ params.token }}"}}
"""
ALL = """
version: 1
name: all
params:
  token: {type: string, secret: true}
  flag: {type: string}
stages:
  use: {run: use_token, with: {token: "${{ params.token }}"}}
  inner: {use: inner.yaml, with: {token: "${{ params.token }}"}}
  chat: {run: print_token, with: {token: "${{ params.token }}"}}
  each:
    run: use_token
    for_each: {n: [1, 2]}
    with: {token: "${{ params.token }}"}
  again:
    run: fail_once
    with: {token: "${{ params.token }}", file: "${{ params.flag }}"}
    retries: {max: 1}
  url: {run: return_token, with: {token: "${{ params.token }}"}, on_error: continue}
  file: {run: write_token, with: {token: "${{ params.token }}"}, on_error: continue}
  note: {run: note_token, with: {token: "${{ params.token }}"}, on_error: continue}
  later:
    run: fail_later
    with: {digest: "${{ stages.use.digest }}", length: 490}
    on_error: continue
  fail:
    run: fail_with_token
    needs: [use, inner, chat, each, again]
    with: {token: "${{ params.token }}", length: 470}
outputs: {digest: "${{ stages.use.digest }}"}
"""
INNER = """
version: 1
name: inner
params:
  token: {type: string, secret: true}
stages:
  use: {run: use_token, with: {token: "${{ params.token }}"}}
outputs: {digest: "${{ stages.use.digest }}"}
"""


# How it would stand there, in bytes.


def needles(text: str = CORE) -> list[bytes]:
    """The text, and what base64 makes of it behind one, two or no bytes more."""
    found = [text.encode()]
    for shift in range(3):
        code = base64.b64encode(b"x" * shift + text.encode())
        found.append(code[shift and 4 : -4])  # without what its neighbours decide about
    return found


def leaks(folder: Path) -> list[str]:
    """The files below a folder that hold the secret, what is packed in zip files included."""
    found = []
    for path in sorted(folder.rglob("*")):
        named = any(needle in os.fsencode(path.name) for needle in needles())
        if named or (path.is_file() and any(one in _content(path) for one in needles())):
            found.append(str(path.relative_to(folder)))
    return found


def _content(path: Path) -> bytes:
    content = path.read_bytes()
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            content += b"".join(archive.read(name) for name in archive.namelist())
    return content


def hidden(text: str) -> bool:
    return not any(needle in text.encode() for needle in needles())


@pytest.mark.parametrize("place", ["file", "database", "archive", "name", "base64"])
def test_the_search_finds_what_is_planted(tmp_path: Path, place: str) -> None:
    """A secret in a file, a database, an archive, a name or in base64 is found."""
    match place:
        case "file":
            (tmp_path / "a").write_text(f"x{quote(SECRET)}")
        case "database":
            connection = sqlite3.connect(tmp_path / "a.db")
            connection.execute("create table t (a text)")
            connection.execute("insert into t values (?)", (json.dumps([SECRET]),))
            connection.commit()
            connection.close()
        case "archive":
            with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("inside", f"{'x' * 1000}{SECRET}")
        case "name":
            (tmp_path / CORE).mkdir()
        case _:
            (tmp_path / "a").write_bytes(base64.b64encode(f"user:{SECRET}".encode()))
    assert len(leaks(tmp_path)) == 1


# What a value is to those who have it.


def test_a_sealed_value_is_stars_to_everybody() -> None:
    """No text, JSON, copy or pickle of it has what it holds; only `content` does."""
    sealed = Sealed(SECRET)
    assert sealed.content == SECRET
    texts = [str(sealed), repr(sealed), f"{sealed:>20}", sealed + "", sealed.upper()]
    texts += [
        json.dumps({"a": [sealed]}),
        repr({"a": sealed}),
        pickle.dumps(sealed).decode("latin1"),
    ]
    texts += [str(sealed.encode()), repr(Secrets.of({"token": sealed}))]
    assert all(hidden(text) for text in texts)
    assert json.loads(json.dumps(sealed)) == STARS
    assert copy.deepcopy({"a": sealed})["a"].content == SECRET


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        f"login with {SECRET!r} failed",
        json.dumps([SECRET]),
        json.dumps([SECRET], ensure_ascii=False),
        f"https://a.org/?t={quote(SECRET)}",
        f"https://a.org/?t={quote(SECRET, safe='')}",
        f"t={quote_plus(SECRET)}",
    ],
)
def test_a_secret_in_a_text_becomes_stars(text: str) -> None:
    """As it is, and as Python, JSON and addresses quote it."""
    secrets = Secrets({"token": SECRET})
    assert hidden(secrets.hide(text))
    assert STARS in secrets.hide(text)
    assert secrets.found_in({"a": [text]}) == "token"
    assert secrets.found_in({text: 1}) == "token"


def test_each_line_of_a_secret_is_one() -> None:
    """A key of several lines is hidden also where it is printed line by line."""
    secrets = Secrets({"key": f"--BEGIN--\n{CORE}\nshort\n"})
    assert secrets.hide(f"a {CORE} b") == "a *** b"
    assert secrets.hide("a short b") == "a short b"
    assert Secrets({}).hide(SECRET) == SECRET


# How a value is given.


@pytest.fixture
def login(tmp_path: Path) -> Pipeline:
    return load(write(tmp_path / "login.yaml", LOGIN))


def test_where_a_secret_comes_from(
    login: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """-p goes before a file, and a file before the environment, which nothing inherits then."""
    file = tmp_path / "params.yaml"
    file.write_text("token: from the file\n")

    def given(*arguments: str, files: tuple[Path, ...] = ()) -> str:
        monkeypatch.setenv(VARIABLE, "from the environment")
        token = resolve(login, arguments, files)["token"]
        assert VARIABLE not in os.environ
        assert token == STARS
        assert isinstance(token, Sealed)
        return token.content

    assert given() == "from the environment"
    assert given(files=(file,)) == "from the file"
    assert given("token=from the shell", files=(file,)) == "from the shell"


def test_a_variable_gives_no_other_param(login: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is left over changes nothing of what is not secret."""
    monkeypatch.setenv(variable("field"), "M87")
    assert resolve(login, ["token=long enough"])["field"] == "M31"


@pytest.mark.parametrize(
    ("argument", "file", "said"),
    [
        ("tokn=" + SECRET, "", "unknown param 'tokn'"),
        (SECRET, "", "gives no value"),
        ("", f"tokn: '{CORE}'", "unknown param 'tokn'"),
        ("", f"token: *{CORE}", "the params file is not sound YAML here"),
        ("", f"token: 'x\n{CORE}", "the params file is not sound YAML here"),
        ("", f"token: [{CORE}]", "a secret is a text"),
        ("token=" + CORE[:7], "", "a secret has 8 characters or more"),
        ("", "token: 12345678", "a secret is a text; write it in quotes"),
        ("field=1", "", "param 'token' is secret, and no value is given; set the environment's "),
    ],
)
def test_no_error_repeats_a_secret(
    login: Pipeline, tmp_path: Path, argument: str, file: str, said: str
) -> None:
    """Neither the message nor the line that is shown with it has what was given."""
    path = tmp_path / "params.yaml"
    path.write_text(file or "{}")
    with pytest.raises(InvalidPipeline) as raised:
        resolve(login, [argument] if argument else [], [path])
    shown = [f"{one} {one.at.text}" for one in raised.value.problems]
    assert any(said in one for one in shown)
    assert not any(CORE[:7] in one or "12345678" in one for one in shown)


def test_a_secret_must_fit_and_is_not_repeated(tmp_path: Path) -> None:
    """The schema of a secret param holds, and the message tells only what it takes."""
    text = LOGIN.replace("secret: true,", "secret: true, minLength: 40,")
    with pytest.raises(InvalidPipeline, match="the secret that is given does not fit") as raised:
        resolve(load(write(tmp_path / "login.yaml", text)), [f"token={SECRET}"])
    assert hidden(str(raised.value))


def test_a_profile_has_no_secret(login: Pipeline, tmp_path: Path) -> None:
    """A profile is kept with a project's files: what it says of a secret param is refused."""
    path = tmp_path / "radps-dag.toml"
    path.write_text(f"[params]\ntoken = '{CORE}'\n")
    with pytest.raises(UsageError, match=r"params\.token: a secret param of login") as raised:
        params_of(login, load_profile(path), [], [])
    assert hidden(str(raised.value))


def test_the_stars_of_an_earlier_run_are_no_value(login: Pipeline, tmp_path: Path) -> None:
    """What a run has recorded of a secret param is not taken for what it was."""
    path = tmp_path / "radps-dag.toml"
    path.write_text("")
    with pytest.raises(InvalidPipeline, match="param 'token' is secret, and no value is given"):
        params_of(login, load_profile(path), [], [], {"token": STARS, "field": "M87"})


@pytest.mark.parametrize(
    "word", [f"token={SECRET}", f"-ptoken={SECRET}", f"--param=token={SECRET}", f"-qptoken={CORE}"]
)
def test_the_recorded_command_has_no_secret(word: str) -> None:
    """Nor one that a later argument has replaced."""
    told = _discreet(word, Secrets({"token": "another one"}))
    assert told == word.partition("token=")[0] + "token=***"
    assert hidden(_discreet(f"--x={SECRET}", Secrets({"token": SECRET})))


# What a key tells.


def key_in(root: Path, secret: str) -> str:
    root.mkdir(exist_ok=True)
    library = find_library("placeholder", [WORKLOADS])
    keys = Keys(library, Workspace(root))
    return keys.key(library.workloads["use_token"], {"token": Sealed(secret)}, "")


def test_a_key_tells_secrets_apart_and_nothing_of_them(tmp_path: Path) -> None:
    """The same secret has the same key in a workspace, another one another; who lacks the salt of
    the workspace, which is its owner's alone, cannot tell which."""
    here, there = tmp_path / "a", tmp_path / "b"
    assert key_in(here, SECRET) == key_in(here, SECRET) != key_in(here, SECRET + "x")
    assert key_in(here, SECRET) != key_in(there, SECRET)
    assert (here / "salt").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in here.iterdir()] == ["salt"]


def test_whoever_only_reads_makes_no_salt(tmp_path: Path) -> None:
    """A plan changes nothing: without a salt it has one of its own."""
    assert len(salt_of(tmp_path / "salt", remember=False)) == 32
    assert not (tmp_path / "salt").exists()
    assert salt_of(tmp_path / "salt") == salt_of(tmp_path / "salt", remember=False)


# Whole runs.


def tell(folder: Path, *arguments: str) -> str:
    """All that a command says, in this process; it ends well."""
    out = io.StringIO()
    with (
        contextlib.chdir(folder),
        redirect_stdout(out),
        redirect_stderr(out),
        pytest.raises(SystemExit) as ended,
    ):
        main([*arguments])
    assert ended.value.code == 0, out.getvalue()
    return out.getvalue()


def swept(folder: Path, *options: str, progress: tuple[str, ...] = ("--json",)) -> Ran:
    """A run of everything, whose every text is looked at, and everything that is told of it."""
    write(folder / "all.yaml", ALL)
    write(folder / "inner.yaml", INNER)
    (folder / "radps-dag.toml").write_text('[events]\nfile = "events.jsonl"\n')
    options = (*options, "--workloads", str(WORKLOADS), "-p", "flag=flag")
    env = {VARIABLE: SECRET}
    ran = run("all.yaml", *options, cwd=folder, env=env, progress=progress)
    assert ran.code == 1
    assert hidden(ran.out + ran.err)
    told = [
        tell(folder, "status"),
        tell(folder, "status", "--json"),
        tell(folder, "show", "last"),
        tell(folder, "show", "last", "--json"),
        tell(folder, "show", "last", "--provenance"),
        tell(folder, "show", "last", "--provenance", "--format", "json"),
        *(tell(folder, "show", "last", node) for node in ("use", "chat", "fail", "url", "inner")),
        tell(folder, "runs"),
        tell(folder, "context"),
        tell(folder, "context", "--json"),
        tell(folder, "export", "last", "exported.json"),
        tell(folder, "export", "last", "exported.zip", "--products"),
        tell(folder, "plan", "all.yaml", "--all", "-p", f"token={SECRET}", *options[-4:]),
        tell(folder, "graph", "all.yaml", "-o", "all.svg", *options[-4:-2]),
    ]
    assert all(hidden(text) for text in told)
    again = command(folder, "resume", "--json", env=env)
    assert again.returncode == 1
    assert hidden(again.stdout + again.stderr)
    assert leaks(folder) == []
    return ran


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_a_secret_is_in_nothing_that_a_run_leaves(tmp_path: Path, executor: str) -> None:
    """Workloads get it, whichever executor computes; no file, no output of a command has it."""
    ran = swept(tmp_path, "--no-prefect", "--executor", executor)
    used = ran.one("node_succeeded", "use")
    assert used["outputs"] == {"digest": digest_of(SECRET)}
    assert ran.one("node_succeeded", "inner")["outputs"] == {"digest": digest_of(SECRET)}
    assert ran.one("run_started")["params"] == {"token": STARS, "flag": "flag"}
    assert ran.one("node_started", "use")["inputs"] == {"token": STARS}
    failed = ran.one("node_failed", "fail")
    assert failed["error"] == "ConnectionError"
    assert STARS in failed["traceback"]
    if executor == "threads":  # the process that was given it fails later without it
        assert STARS in ran.one("node_failed", "later")["traceback"]
    assert ran.one("retrying", "again")["message"] == f"not now, '{STARS}'"


@pytest.mark.parametrize(
    ("place", "what"),
    [
        ("url", "output 'url'"),
        ("file", "the name of a file"),
        ("note", "what is added to the context as 'login'"),
    ],
)
def test_what_would_be_recorded_with_a_secret_fails(exposing: Ran, place: str, what: str) -> None:
    """A result that holds one is told by its name, and is not tried again."""
    failed = exposing.one("node_failed", place)
    assert failed["error"] == "SecretExposed"
    assert failed["message"].startswith(f"{what} contains the secret param 'token', and would be")
    assert not exposing.of("retrying")


@pytest.fixture(scope="module")
def exposing(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A run of workloads that give the secret away."""
    folder = tmp_path_factory.mktemp("exposing")
    given = 'on_error: continue, with: {token: "${{ params.token }}"}'
    stages = "\n".join(
        f"  {name}: {{run: {called}, {given}}}"
        for name, called in (
            ("url", "return_token"),
            ("file", "write_token"),
            ("note", "note_token"),
        )
    )
    text = LOGIN.partition("stages:")[0] + "defaults: {retries: {max: 2}}\nstages:\n" + stages
    write(folder / "login.yaml", text)
    options = ("--no-prefect", "--workloads", str(WORKLOADS))
    return run("login.yaml", *options, cwd=folder, env={VARIABLE: CORE})


def test_a_secret_is_in_nothing_that_prefect_knows(
    tmp_path: Path, prefect_server: ServerAddress, server_home: Path
) -> None:
    """Neither in the parameters of flow runs, nor in states, events, artifacts or logs: nowhere in
    the home of the server, whose database has the run."""
    ran = swept(tmp_path)
    record = record_of(ran, prefect_server)
    assert record.flow["parameters"]["token"] == STARS
    assert leaks(server_home) == []
    assert any(ran.flow_run.encode() in _content(one) for one in _databases(server_home))


def _databases(home: Path) -> list[Path]:
    return [path for path in home.rglob("*.db*") if path.is_file()]


def test_the_plain_display_has_no_secret(tmp_path: Path) -> None:
    """Nor what workloads print meanwhile, in threads and through Python's streams."""
    ran = swept(tmp_path, "--no-prefect", progress=("--progress", "plain"))
    assert "print ***" in ran.out
    assert "login with ***" in ran.err


def test_what_programs_print_is_kept_without_a_secret(tmp_path: Path) -> None:
    """In worker processes also what does not pass Python's streams."""
    text = LOGIN.replace("run: use_token", "run: program_token")
    write(tmp_path / "login.yaml", text)
    options = ("--no-prefect", "--executor", "processes", "--workloads", str(WORKLOADS))
    ran = run("login.yaml", *options, cwd=tmp_path, env={VARIABLE: SECRET})
    assert ran.code == 0
    assert "descriptor ***\n" in (ran.directory / "workers.log").read_text()
    assert leaks(tmp_path) == []


def test_a_result_is_used_again_for_the_same_secret_alone(tmp_path: Path) -> None:
    """Whoever runs again with another one makes the call; `resume` asks for it, and says how."""
    write(tmp_path / "login.yaml", LOGIN)
    options = ("--no-prefect", "--workloads", str(WORKLOADS))

    def origin(secret: str) -> str:
        ran = run("login.yaml", *options, cwd=tmp_path, env={VARIABLE: secret})
        return str(ran.one("node_started", "use")["origin"])

    assert not origin(SECRET)
    assert origin(SECRET)
    assert not origin(f"{SECRET}x")
    assert leaks(tmp_path) == []
    refused = command(tmp_path, "resume")
    assert refused.returncode == 2
    assert "param 'token' is secret, and no value is given" in refused.stderr


def test_the_command_line_is_recorded_without_a_secret(tmp_path: Path) -> None:
    """Who gives it with -p shows it in `ps`, and not in the journal for good."""
    write(tmp_path / "login.yaml", LOGIN.replace("use_token", "print_token"))
    options = ("--no-prefect", "--workloads", str(WORKLOADS), "-p", f"token={SECRET}")
    ran = run("login.yaml", *options, cwd=tmp_path)
    assert "token=***" in ran.one("run_started")["provenance"]["command"]
    assert leaks(tmp_path) == []


def test_stars_are_no_value_where_the_mark_is_taken_away(tmp_path: Path) -> None:
    """A param that was secret when the run began has to be given when it is resumed."""
    write(tmp_path / "login.yaml", LOGIN)
    options = ("--no-prefect", "--workloads", str(WORKLOADS))
    run("login.yaml", *options, cwd=tmp_path, env={VARIABLE: SECRET})
    write(tmp_path / "login.yaml", LOGIN.replace("secret: true, ", ""))
    out = io.StringIO()
    with contextlib.chdir(tmp_path), redirect_stderr(out), pytest.raises(SystemExit) as ended:
        main(["resume"])
    assert ended.value.code == 2
    assert "param 'token' has no default, and no value is given" in out.getvalue()


def test_what_was_recorded_before_the_mark_is_not_shown_again(tmp_path: Path) -> None:
    """A plan says that the input changed, and not from what."""
    text = LOGIN.replace("use_token", "print_token")
    write(tmp_path / "login.yaml", text.replace("secret: true, ", ""))
    options = ("--workloads", str(WORKLOADS), "-p", f"token={CORE}")
    assert run("login.yaml", "--no-prefect", *options, cwd=tmp_path).code == 0
    write(tmp_path / "login.yaml", text)
    told = tell(tmp_path, "plan", "login.yaml", *options)
    assert "input 'token' changed" in told
    assert hidden(told)
