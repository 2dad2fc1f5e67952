"""`radps-dag context`, and the functions for notebooks, on a journal that a run left."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from context_support import Place
from engine_support import write
from repository import SUPPORT

from radps_dag.cli.main import main
from radps_dag.context import add_to_context, load_context, withdraw_from_context
from radps_dag.problem import UsageError

TEXT = """
    context:
      flux: {type: number, description: of the calibrator, unit: Jy}
      cycles: {type: array, collection: true}
    params: {flux: {type: number, default: 1.5}}
    stages:
      first: {run: note, with: {key: flux, value: 1}}
      table: {run: make, with: {kind: caltable, spw: 3}}
      spws:
        for_each: {spw: [2, 10]}
        run: note
        with: {key: cycles, value: "${{ each.spw }}", of: "${{ stages.table.product }}"}
      second: {run: note, with: {key: flux, value: "${{ params.flux }}"}, needs: [first]}
      bad: {run: withdraw, with: {product: "${{ stages.table.product }}"}}
"""


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """With each kind of journal, which the commands find in a profile."""
    folder = tmp_path_factory.mktemp("place")
    if request.param == "sqlite":
        return Place(folder)
    url = request.getfixturevalue("postgres").database()
    (folder / "radps-dag.toml").write_text(f'store = "{url}"\n')
    return Place(folder, url=url)


@pytest.fixture(scope="module")
def run(place: Place) -> str:
    played = place.play(TEXT)
    assert played.ended.status == "succeeded"
    return played.run


@pytest.fixture
def context(
    place: Place, run: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """The command, in the directory of the workspace: its exit code and what it printed."""
    monkeypatch.chdir(place.root)

    def command(*arguments: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as exit:
            main(["context", *arguments])
        printed = capsys.readouterr()
        return int(str(exit.value.code)), printed.out + printed.err

    return command


def test_the_keys(context: Any, run: str) -> None:
    """Each key with its value, its versions and who made it; products by their kinds."""
    code, text = context()
    assert code == 0
    lines = [line.split() for line in text.splitlines()]
    assert ["flux", "1.5", "2", "second"] in lines
    assert ["cycles", "[2,", "10]", "2", "spws[spw=2]", "and", "1", "more"] in lines
    assert ["caltable", "1", "1", "table"] in lines
    assert run in text


def test_one_key(context: Any, run: str) -> None:
    """All versions with their origins; the run may be left out."""
    assert context("flux") == context(run, "flux")
    code, text = context("flux")
    assert code == 0
    assert "flux in" in text and "declared: of the calibrator" in text
    assert text.index("1  first") < text.index("2  second")
    assert "by note (code " in text


def test_a_key_that_is_a_part_of_an_id(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key's whole name says more than a part of a run's id."""
    text = TEXT.replace("context:", "version: 1\n    name: flux_scale\n    context:", 1)
    Place(tmp_path).play(text)
    monkeypatch.chdir(tmp_path)
    for word, shown in (("flux", "declared: of the calibrator"), ("flux_sc", "key")):
        with pytest.raises(SystemExit) as exit:
            main(["context", word])
        assert exit.value.code == 0 and shown in capsys.readouterr().out


def test_products(context: Any) -> None:
    """Those withdrawn are shown with the reason; selections are numbers or names."""
    _, text = context("--products")
    assert "field=3C286" in text and "withdrawn: it is bad" in text
    assert "spw=3" in context("--spw", "3")[1]
    assert "no such product" in context("--spw", "4")[1]
    assert "no such product" in context("--kind", "image")[1]
    assert "spw=3" in context("--field", "3C286", "--kind", "caltable")[1]


def test_where_products_are(
    context: Any, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has its path, to be copied and opened: from here if it is below, else in full."""
    code, text = context("--products")
    _, head, row, reason = text.splitlines()
    assert code == 0 and head.split()[-2:] == ["from", "path"]
    path = Path(row.split()[-1])
    assert not path.is_absolute() and path.is_file()
    assert reason == "  withdrawn: it is bad"
    whole = str(path.resolve())
    workspace = str(Path(".radps").resolve())
    store = ("--store", place.url) if place.url else ()
    monkeypatch.chdir(tmp_path)
    _, text = context("--workspace", workspace, *store, "--products")
    assert text.splitlines()[2].split()[-1] == whole
    # Where there is no room beside it, it has a line of its own, and is not cut.
    monkeypatch.setattr("radps_dag.cli.looking.room", lambda: 60)
    _, text = context("--workspace", workspace, *store, "--products")
    assert text.splitlines()[3:] == ["  table", f"  {whole}", "  withdrawn: it is bad"]


def test_at_a_node(context: Any) -> None:
    """What a node saw when it started: what those before it had added, and nothing else."""
    _, text = context("--json", "--at", "second")
    assert json.loads(text)["keys"]["flux"]["value"] == 1
    assert json.loads(text)["keys"]["cycles"]["value"] == []
    assert json.loads(text)["products"] == []
    _, text = context("--json", "--at", "spws")
    assert len(json.loads(text)["products"]) == 1
    code, text = context("--at", "secnd")
    assert code == 2 and "nothing has started at 'secnd' in this run; did you mean" in text


def test_json_and_export(context: Any, run: str, tmp_path: Path) -> None:
    """The same content on the screen and in a file."""
    file = tmp_path / "context.json"
    code, text = context("--export", str(file))
    assert code == 0 and "2 keys, 1 product\n" in text
    exported = json.loads(file.read_text(encoding="utf-8"))
    assert exported == json.loads(context("--json")[1])
    assert exported["run"] == run
    assert exported["keys"]["cycles"]["collection"] is True
    assert exported["products"][0]["withdrawn"] == "it is bad"
    code, text = context("--export", str(tmp_path / "no" / "file"))
    assert code == 1 and "cannot be written" in text


def test_differences(context: Any, place: Place, run: str) -> None:
    """What another run knows otherwise."""
    other = place.play(TEXT, params={"flux": 2.5}).run
    code, text = context(run, "--diff", other)
    assert code == 0
    assert ["key", "flux", "1.5", "2.5"] in [line.split() for line in text.splitlines()]
    assert "cycles" not in text
    assert "know the same" in context(run, "--diff", run)[1]
    _, text = context(run, "--diff", other, "--json")
    assert json.loads(text)["differences"] == [{"what": "key flux", "one": 1.5, "other": 2.5}]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "no run 'nothing' in this workspace"),
        (["RUN", "flx"], "the context has no key 'flx'; did you mean 'flux'?"),
        (["--workspace", "elsewhere"], "there is no journal here"),
    ],
)
def test_mistakes(context: Any, place: Place, run: str, arguments: list[str], message: str) -> None:
    """Each is one line, and the exit code is 2."""
    if place.url is not None and "--workspace" in arguments:
        pytest.skip("the journal is not in the workspace")
    code, text = context(*(run if word == "RUN" else word for word in arguments))
    assert code == 2 and message in text and len(text.splitlines()) == 1


def test_a_notebook_adds_to_a_run_that_is_over(tmp_path: Path) -> None:
    """The next version of a key, by somebody; what is not as declared is refused."""
    place = Place(tmp_path)
    run = place.play(TEXT).run
    workspace = place.workspace
    add_to_context("flux", 3.0, workspace=workspace, by="ada")
    add_to_context("comment", "", run=run, workspace=workspace)
    context = load_context(workspace=workspace)
    assert context["flux"] == 3.0 and context["comment"] == ""
    last = context.versions("flux")[-1]
    assert (last.by, last.place, last.version) == ("ada", "", 3)
    table = context.records(include_withdrawn=True)[0].product
    withdraw_from_context(str(table["uri"]), "worse than thought", workspace=workspace)
    again = load_context(run, workspace=workspace)
    assert again.records(include_withdrawn=True)[0].withdrawn == "worse than thought"
    with pytest.raises(UsageError, match="the value is not as declared"):
        add_to_context("flux", "much", workspace=workspace)
    with pytest.raises(UsageError, match="no such workspace"):
        add_to_context("flux", 1, workspace=tmp_path / "elsewhere")
    assert not (tmp_path / "elsewhere").exists()


def test_a_part_of_a_pipeline_sees_what_earlier_runs_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With `--only`, a stage sees what the stages before it added when they ran last, not what
    others did; and whoever looks at the run sees the same."""
    monkeypatch.chdir(tmp_path)
    text = """
    stages:
      first:
        loop: {max_iterations: 2, on_exhausted: warn}
        run: note
        with: {key: flux, value: "${{ loop.index }}"}
      between: {run: give, needs: [first]}
      other: {run: note, with: {key: other, value: 3}}
      reader: {run: look_around, needs: [between]}
    outputs: {seen: "${{ stages.reader.value }}"}
    """
    write(tmp_path, text)
    workloads = str(SUPPORT / "context_workloads.py")
    options = ["--workloads", workloads, "--no-prefect", "--json"]

    def seen(*arguments: str) -> dict[str, Any]:
        with pytest.raises(SystemExit) as exit:
            main(["run", "pipeline.yaml", *options, *arguments])
        facts = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert exit.value.code == 0, facts[-1]
        outputs: dict[str, Any] = facts[-1]["outputs"]
        return outputs

    assert seen() == {"seen": {"flux": 2}}
    assert seen("--only", "reader", "--force", "reader") == {"seen": {"flux": 2}}
    context = load_context()
    assert dict(context) == {"flux": 2}
    (entry,) = context.versions("flux")
    assert entry.place == "first#2"
    assert dict(load_context(at="reader")) == {"flux": 2}


def test_a_workspace_can_be_moved(tmp_path: Path) -> None:
    """Products are found where the workspace is now."""
    place = Place(tmp_path / "here")
    place.root.mkdir()
    place.play(TEXT)
    (tmp_path / "here").rename(tmp_path / "there")
    (product,) = load_context(workspace=tmp_path / "there" / ".radps").products(
        include_withdrawn=True
    )
    assert product["uri"].startswith((tmp_path / "there").as_uri())
