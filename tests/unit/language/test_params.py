"""Values for params: from arguments, from a file, from defaults; and every refusal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from engine_support import write

from radps_dag import loader
from radps_dag.language.model import Pipeline
from radps_dag.language.params import resolve
from radps_dag.problem import InvalidPipeline, UsageError

TEXT = """
    name: demo
    version: 1
    params:
      spws: {type: array, items: {type: integer, minimum: 0}, default: [0, 1], uniqueItems: true}
      niter: {type: integer, minimum: 1, maximum: 100, default: 5}
      frequency: {type: number, unit: GHz, default: 98.5}
      imaging: {enum: [cube, cont], default: cube}
      interactive: {type: boolean, default: false}
      field: {type: string, default: "3C286", maxLength: 12}
      comment: {type: [string, "null"], default: null}
      cell: {type: [number, string], default: 0.1}
      box: {type: object, default: {}}
    stages: {a: {run: give}}
"""


@pytest.fixture
def demo(tmp_path: Path) -> Pipeline:
    return loader.load(write(tmp_path, TEXT))


def values(pipeline: Pipeline, *arguments: str) -> dict[str, Any]:
    return resolve(pipeline, arguments)


def refused(pipeline: Pipeline, *arguments: str) -> list[str]:
    with pytest.raises(InvalidPipeline) as caught:
        values(pipeline, *arguments)
    return [f"{problem.at}: {problem.message}" for problem in caught.value.problems]


def test_defaults(demo: Pipeline) -> None:
    """What is not given has its default, in the order of the file."""
    assert list(values(demo).items()) == [
        ("spws", [0, 1]),
        ("niter", 5),
        ("frequency", 98.5),
        ("imaging", "cube"),
        ("interactive", False),
        ("field", "3C286"),
        ("comment", None),
        ("cell", 0.1),
        ("box", {}),
    ]


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("niter=7", 7),
        ("niter=0x10", 16),
        ("frequency=1.4e9", 1.4e9),
        ("frequency=3", 3),
        ("imaging=cont", "cont"),
        ("interactive=true", True),
        ("field=on", "on"),  # a string is taken as it is
        ("field=12:30:45", "12:30:45"),
        ("field=123", "123"),
        ("field=a=b", "a=b"),
        ("field=", ""),
        ("comment=null", None),
        ("comment=looks good", "looks good"),
        ("comment=", ""),
        ("cell=0.5", 0.5),
        ("cell=0.5arcsec", "0.5arcsec"),
        ("spws=[3, 4]", [3, 4]),
        ("spws=3,4", [3, 4]),
        ("spws=3", [3]),
        ("spws=", []),
        ("spws=[]", []),
        ("box={a: 1, b: [x]}", {"a": 1, "b": ["x"]}),
    ],
)
def test_arguments_are_read_as_the_type_asks(demo: Pipeline, argument: str, value: Any) -> None:
    """A string is taken as it is, anything else is read as in the file, and a list may do without
    its brackets."""
    assert values(demo, argument)[argument.partition("=")[0]] == value


def test_the_last_of_equal_arguments_counts(demo: Pipeline) -> None:
    """A param given twice has what was given last."""
    assert values(demo, "niter=1", "niter=2")["niter"] == 2


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("niter", "-p:1:1: 'niter' gives no value; write name=value"),
        ("nitre=3", "-p:1:1: unknown param 'nitre' of demo; did you mean 'niter'?"),
        ("zebra=3", "-p:1:1: unknown param 'zebra' of demo; there are"),
        ("niter=many", "-p:1:7: param 'niter': expected an integer"),
        ("niter=1.5", "-p:1:7: param 'niter': expected an integer"),
        ("niter=true", "-p:1:7: param 'niter': expected an integer"),
        ("niter=0", "-p:1:7: param 'niter': "),
        ("niter=1000", "-p:1:7: param 'niter': "),
        ("niter=", "-p:1:7: param 'niter': "),
        ("niter=[", "-p:1:7: param 'niter': cannot be read"),
        ("frequency=98 GHz", "-p:1:11: param 'frequency': expected a number"),
        ("frequency=.nan", "-p:1:11: param 'frequency': "),
        ("imaging=cubes", "-p:1:9: param 'imaging': "),
        ("interactive=yes", "-p:1:13: param 'interactive': expected true or false"),
        ("spws=a,b", "-p:1:6: param 'spws': "),
        ("spws=[1, -1]", "-p:1:6: param 'spws': "),
        ("spws=1,1", "-p:1:6: param 'spws': "),
        ("field=a very long name of a field", "-p:1:7: param 'field': "),
        ("box=[1]", "-p:1:5: param 'box': "),
    ],
)
def test_arguments_that_do_not_fit(demo: Pipeline, argument: str, message: str) -> None:
    """A value that does not fit is refused where it stands, with what is allowed."""
    (told,) = refused(demo, argument)
    assert told.startswith(message)
    assert len(told.splitlines()) == 1


def test_choices_are_told(demo: Pipeline) -> None:
    """Where there are few values, all are named."""
    (told,) = refused(demo, "imaging=cubes")
    assert "'cube'" in told and "'cont'" in told


def test_all_mistakes_at_once(demo: Pipeline) -> None:
    """Several mistakes are told together."""
    assert len(refused(demo, "niter=0", "imaging=x", "field=" + "x" * 20)) == 3
    assert len(refused(demo, "a=1", "b=2", "niter")) == 3


def test_a_file_of_params(demo: Pipeline, tmp_path: Path) -> None:
    """A file gives values of any form, with the meaning of a pipeline file's."""
    path = tmp_path / "params.yaml"
    path.write_text("niter: 9\nspws: [5]\nfield: on\ncomment: null\n")
    given = resolve(demo, files=[path])
    expected = {"niter": 9, "spws": [5], "field": "on", "comment": None}
    assert {name: given[name] for name in expected} == expected
    # What -p says goes before it.
    merged = resolve(demo, ["niter=10"], [path])
    assert (merged["niter"], merged["spws"]) == (10, [5])


def test_several_files_of_params(demo: Pipeline, tmp_path: Path) -> None:
    """Each file adds to those before it, and of what several say the last one counts."""
    site, night = tmp_path / "site.yaml", tmp_path / "night.yaml"
    site.write_text("niter: 9\nspws: [5]\n")
    night.write_text("niter: 8\nfield: M87\n")
    merged = resolve(demo, ["field=M31"], [site, night], {"niter": 1, "frequency": 2.0})
    assert {name: merged[name] for name in ("niter", "spws", "field", "frequency")} == {
        "niter": 8,
        "spws": [5],
        "field": "M31",
        "frequency": 2.0,
    }
    assert resolve(demo, files=[night, site])["niter"] == 9
    site.write_text("nitre: 9\n")
    night.write_text("imagin: x\n")
    with pytest.raises(InvalidPipeline) as caught:
        resolve(demo, files=[site, night])
    assert [problem.at.source.name for problem in caught.value.problems] == [str(night), str(site)]


MEMBERS = """
    name: members
    version: 1
    params:
      box:
        type: object
        required: [size]
        properties:
          size: {type: integer, default: 512}
          cell: {type: number}
          deep:
            type: object
            default: {}
            properties: {tolerance: {type: number, default: 0.1}, deeper: {type: object}}
        default: {}
      rounds:
        type: array
        items:
          type: object
          properties: {niter: {type: integer, default: 100}, interval: {type: number}}
        default: [{}, {niter: 5}]
      named:
        type: object
        additionalProperties: {type: object, properties: {snr: {type: number, default: 3}}}
        default: {}
    stages: {a: {run: give}}
"""


def test_members_have_their_defaults(tmp_path: Path) -> None:
    """A member that is not given has its default, at any depth and in the items of lists."""
    pipeline = loader.load(write(tmp_path, MEMBERS))
    whole = {"size": 512, "deep": {"tolerance": 0.1}}
    assert values(pipeline) == {
        "box": whole,
        "rounds": [{"niter": 100}, {"niter": 5}],
        "named": {},
    }
    given = values(
        pipeline, "box={deep: {deeper: {}}}", "rounds=[{interval: 1.5}]", "named={a: {}}"
    )
    assert given == {
        "box": {"deep": {"deeper": {}, "tolerance": 0.1}, "size": 512},
        "rounds": [{"interval": 1.5, "niter": 100}],
        "named": {"a": {"snr": 3}},
    }
    assert "expected an integer" in refused(pipeline, "rounds=[{niter: x}]")[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("nitre: 3\n", "params.yaml:1:1: unknown param 'nitre' of demo; did you mean 'niter'?"),
        ("field: x\nniter: many\n", "params.yaml:2:8: param 'niter': expected an integer"),
        ("[1, 2]\n", "params.yaml:1:1: a params file maps the names of params to values"),
        ("niter: [\n", "params.yaml:"),
        ("niter: 1\nniter: 2\n", "params.yaml:2:1: "),
        ("", "params.yaml:1:1: "),
    ],
)
def test_a_file_of_params_that_does_not_do(
    demo: Pipeline, tmp_path: Path, content: str, message: str
) -> None:
    """Mistakes in the file are told with file, line and column."""
    path = tmp_path / "params.yaml"
    path.write_text(content)
    with pytest.raises(InvalidPipeline) as caught:
        resolve(demo, files=[path])
    assert str(caught.value).partition(str(tmp_path) + "/")[2].startswith(message)


def test_a_file_that_is_not_there(demo: Pipeline, tmp_path: Path) -> None:
    """A missing file, or a folder, is told by its name."""
    for path in (tmp_path / "nothing.yaml", tmp_path):
        with pytest.raises(UsageError, match="the params file cannot be read"):
            resolve(demo, files=[path])


def test_mistakes_of_file_and_arguments(demo: Pipeline, tmp_path: Path) -> None:
    """Unknown names and wrong values, of arguments and of a file, come in one go."""
    path = tmp_path / "params.yaml"
    path.write_text("nitre: 3\n")
    with pytest.raises(InvalidPipeline) as caught:
        resolve(demo, ["niter=0", "imagin=x"], [path])
    assert len(caught.value.problems) == 3


def test_what_must_be_given(tmp_path: Path) -> None:
    """A param without a default must be given, and the message says what it takes."""
    pipeline = loader.load(
        write(
            tmp_path,
            "params: {n: {type: integer, minimum: 1}, m: {type: string}}\nstages: {a: {run: x}}",
        )
    )
    with pytest.raises(InvalidPipeline) as caught:
        resolve(pipeline)
    messages = [problem.message for problem in caught.value.problems]
    assert len(messages) == 2
    assert messages[0].startswith(
        "param 'n' has no default, and no value is given; it takes an int"
    )


def test_some_may_be_given_later(tmp_path: Path) -> None:
    """A part of the params: what nobody gives is left out, what is given is checked as ever."""
    file = tmp_path / "needs.yaml"
    file.write_text(
        "version: 1\nname: needs\nparams: {a: {type: integer}, b: {type: integer, default: 2}, "
        "c: {type: string, secret: true}}\nstages: {one: {run: simulate_work}}\n"
    )
    pipeline = loader.load(file)
    assert resolve(pipeline, partial=True) == {"b": 2}
    assert resolve(pipeline, ["a=1"], partial=True) == {"a": 1, "b": 2}
    with pytest.raises(InvalidPipeline, match="expected an integer"):
        resolve(pipeline, ["a=x"], partial=True)


def test_a_pipeline_without_params(tmp_path: Path) -> None:
    """Where there are none, the message does not list them."""
    pipeline = loader.load(write(tmp_path, "stages: {a: {run: x}}"))
    assert refused(pipeline, "a=1") == ["-p:1:1: unknown param 'a'; the pipeline pipeline has none"]


PATHS = """
    name: demo
    version: 1
    params:
      ms: {type: [string, "null"], format: path, must_exist: true, default: null}
      table: {type: string, format: path, default: tables/antennas.txt}
      several: {type: array, items: {type: string, format: path}, default: []}
      sets: {type: array, items: {type: string, format: glob, must_exist: true}, default: []}
    stages: {a: {run: give}}
"""


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    (tmp_path / "project").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return loader.load(write(tmp_path / "project", PATHS))


def test_a_path_is_seen_from_whoever_names_it(paths: Pipeline, tmp_path: Path) -> None:
    """A default from the pipeline's folder, -p from here, a params file from its folder; absolute
    paths and addresses stay, whatever signs they have."""
    assert values(paths)["table"] == str(tmp_path / "project/tables/antennas.txt")
    assert values(paths, "table=a #1: *.txt")["table"] == str(tmp_path / "here/a #1: *.txt")
    assert values(paths, "several=*.a,b #2.ms")["several"] == [
        str(tmp_path / "here/*.a"),
        str(tmp_path / "here/b #2.ms"),
    ]
    for text in ("/data/a.ms", "s3://bucket/a.ms", "file:///data/a.ms"):
        assert values(paths, f"table={text}")["table"] == text
    file = tmp_path / "night.yaml"
    file.write_text("table: t.txt\nseveral: [../u.ms]\n")
    found = resolve(paths, files=[file])
    assert found["table"] == str(tmp_path / "t.txt")
    assert found["several"] == [str(tmp_path / "../u.ms")]
    again = resolve(paths, earlier=found)
    assert again == found


def test_what_must_exist_is_looked_for(paths: Pipeline, tmp_path: Path) -> None:
    """What is not there is told with the place of its value, and with what it may be."""
    here = tmp_path / "here"
    (here / "night_1.ms").mkdir()
    assert values(paths, "ms=night_1.ms")["ms"] == str(here / "night_1.ms")
    assert values(paths, "ms=null")["ms"] is None
    assert refused(paths, "ms=night_2.ms") == [
        f"-p:1:4: param 'ms': {here}/night_2.ms does not exist; did you mean 'night_1.ms'?"
    ]
    assert refused(paths, "ms=no/night.ms") == [
        f"-p:1:4: param 'ms': {here}/no/night.ms does not exist, nor does the folder {here}/no"
    ]
    assert refused(paths, "ms=") == ["-p:1:4: param 'ms': the path is empty, and must exist"]
    assert refused(paths, "sets=*.fits") == [
        f"-p:1:6: param 'sets': nothing is like {here}/*.fits; check the pattern"
    ]


def test_a_pattern_gives_paths_in_order(paths: Pipeline, tmp_path: Path) -> None:
    """What matches comes in the order of the names, and stays what it was in a resumed run."""
    here = tmp_path / "here"
    for name in ("b.ms", "a.ms", "a#1.ms", "c[1].ms", "d.txt"):
        (here / name).mkdir()
    found = values(paths, "sets=*.ms,d.txt")
    names = ["a#1.ms", "a.ms", "b.ms", "c[1].ms", "d.txt"]
    assert found["sets"] == [str(here / name) for name in names]
    (here / "new.ms").mkdir()
    assert resolve(paths, earlier=found)["sets"] == found["sets"]
