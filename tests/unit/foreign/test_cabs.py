"""Cabs of Stimela to tool files: all that can be said is, and what cannot is a warning."""

from __future__ import annotations

from pathlib import Path

import pytest
from run_support import write

from radps_dag.foreign import Draft, cab_to_tool, read_cabs
from radps_dag.foreign.cab_types import Unsayable, longhand, type_of
from radps_dag.problem import InvalidPipeline, UsageError
from radps_dag.workloads.contract.description import Workload
from radps_dag.workloads.tools.argv import command_of, names_of
from radps_dag.workloads.tools.reading import read_tool

BASE = """
    vars:
      site:
        images: {registry: registry.example/astro, version: v1}
    lib:
      steps:
        imaging:
          ms:
            {dtype: MS, required: true, writable: true, info: data, policies: {positional: true}}
"""
CAB = """
    _include: [base.yml]
    cabs:
      my-imager:
        command: my-imager --quiet
        info: Make an image
        image: {_use: vars.site.images, name: imager}
        policies: {prefix: '-', replace: {_: '-'}}
        inputs:
          _use: lib.steps.imaging
          prefix: str * "begin of names"
          n_iter: {dtype: int, default: 100}
          size: {dtype: "Tuple[int, int]", required: true, policies: {repeat: list}}
          scales: {dtype: "List[int]", policies: {repeat: ','}}
          spw: {dtype: "List[int]", policies: {repeat: repeat}}
          weight: {dtype: str, choices: [natural, uniform], default: natural}
          join: {dtype: bool}
          key: {dtype: str, policies: {key_value: true}}
          mode: {implicit: clean}
          solver:
            type: {dtype: str, nom_de_guerre: solver_kind}
        outputs:
          restored: {dtype: File, implicit: "{current.prefix}-image.fits"}
          planes: {dtype: "List[File]", implicit: "=GLOB({prefix}-[0-9]*.fits)", must_exist: false}
          log: {dtype: File, nom_de_guerre: log_file, required: true}
          rms: {dtype: float}
        management:
          environment: {THREADS: 4}
          wranglers:
            'rms = (?P<value>[0-9.]+)': ['PARSE_OUTPUT:rms:value:float']
            'diverged': ['ERROR:it has diverged']
            'odd': ['WARNING:odd']
"""


def drafts(folder: Path, text: str) -> list[Draft]:
    write(folder / "base.yml", BASE)
    cabs, _ = read_cabs(write(folder / "cabs.yml", text))
    return [cab_to_tool(name, cab, cab.key_at(next(iter(cab)))) for name, cab in cabs.items()]


def tool(folder: Path, draft: Draft) -> Workload:
    path = folder / f"{draft.name}.yaml"
    path.write_text(draft.text("cabs.yml"), encoding="utf-8")
    return read_tool(path)


def one(folder: Path, schema: str, part: str = "inputs") -> Draft:
    """The draft of a cab with one parameter, named x."""
    text = f"""
        cabs:
          c:
            command: prog
            {part}:
              x: {schema}
    """
    (draft,) = drafts(folder, text)
    return draft


def test_a_cab_is_a_tool_file(tmp_path: Path) -> None:
    """Nothing is lost of one that has a bit of everything, and the file is valid."""
    (draft,) = drafts(tmp_path, CAB)
    assert draft.warnings == [draft.warnings[0]]
    assert "standard output alone" in draft.warnings[0].message
    read = tool(tmp_path, draft)
    assert read.tool is not None
    assert read.tool.image == "docker://registry.example/astro/imager:v1"
    assert read.changes == ("ms",)
    given = {
        "ms": {"uri": (tmp_path / "my.ms").as_uri(), "kind": "visibilities"},
        "prefix": "img",
        "size": [64, 32],
        "scales": [0, 5],
        "spw": [1, 2],
        "join": True,
        "key": "k",
        "solver_type": "fast",
    }
    words = [word.decode() for word in command_of(read.tool, names_of(read.tool, given))]
    expected = "my-imager --quiet -mode clean -prefix img -n-iter 100 -size 64 32 -scales 0,5"
    expected += " -spw 1 -spw 2 -weight natural -join key=k -solver-kind fast -log-file log"
    assert words == [*expected.split(), str(tmp_path / "my.ms")]
    outputs = {output.name for output in read.outputs or ()}
    assert outputs == {"restored", "planes", "log", "rms"}
    assert [trigger.error for trigger in read.tool.fail_on] == ["ItHasDiverged"]
    assert len(read.tool.warn_on) == 1


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ("{dtype: 'Dict[str, int]'}", "dtype"),
        ("{dtype: 'List[List[int]]'}", "list of lists"),
        ("{dtype: str, abbreviation: t}", "'abbreviation'"),
        ("{dtype: str, policies: {format: '{0}K'}}", "'format'"),
        ("{dtype: str, policies: {skip: true}}", "'skip'"),
        ("{dtype: str, policies: {odd: 1}}", "'odd'"),
        ("{dtype: 'List[int]'}", "a guess"),
        ("{dtype: 'List[int]', policies: {repeat: '[]'}}", "brackets"),
        ("{dtype: str, default: '{current.y}'}", "default"),
        ("{dtype: File, default: a.fits}", "default"),
        ("{dtype: 'Dict'}", "dtype"),
        ("{dtype: 'Union[File, str]'}", "text here, not data"),
        ("{dtype: Directory, must_exist: false}", "must exist here"),
        (
            "{dtype: 'List[int]', policies: {repeat: list, format_list_scalar: ['{0}', '{0}']}}",
            "'format_list_scalar'",
        ),
        ("{dtype: bool, policies: {explicit_true: 'yes'}}", "one of two texts"),
        ("{dtype: str, policies: {positional_head: true}}", "positional_head"),
        ("{dtype: str, writable: true}", "writable"),
        ("str = = 5", "not understood"),
        ("{implicit: '{current.y}'}", "names no input"),
    ],
)
def test_what_cannot_be_said_of_an_input_is_a_warning(
    tmp_path: Path, schema: str, message: str
) -> None:
    """With its place, and as a comment; what is left is valid."""
    draft = one(tmp_path, schema)
    assert any(message in warning.message for warning in draft.warnings)
    assert all(warning.at.source.name.endswith("cabs.yml") for warning in draft.warnings)
    assert "# not said here: " in draft.text("cabs.yml")
    tool(tmp_path, draft)


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ("{dtype: File}", "write that into arguments"),
        ("{dtype: 'List[File]', required: true}", "named by an option"),
        ("{dtype: File, implicit: '{config.y}'}", "names no input"),
        ("{dtype: File, implicit: '=IF(a, b)'}", "formula"),
        ("{dtype: float}", "no pattern"),
        ("{dtype: 'Tuple[float, float]'}", "not read from lines"),
    ],
)
def test_what_cannot_be_said_of_an_output_is_a_warning(
    tmp_path: Path, schema: str, message: str
) -> None:
    """The output is left out; what is left is valid."""
    draft = one(tmp_path, schema, "outputs")
    assert any(message in warning.message for warning in draft.warnings)
    assert "x" not in {output.name for output in tool(tmp_path, draft).outputs or ()}


@pytest.mark.parametrize(
    ("wrangler", "message"),
    [
        ("'(a+)+b': ['WARNING:x']", "for ever"),
        ("'a': ['HIGHLIGHT:bold']", "HIGHLIGHT"),
        ("'a': ['DECLARE_SUCCESS']", "DECLARE_SUCCESS"),
        ("'a': ['PARSE_OUTPUT:x:y:float']", "names no output"),
    ],
)
def test_what_cannot_be_said_of_a_wrangler_is_a_warning(
    tmp_path: Path, wrangler: str, message: str
) -> None:
    """The line is left as it is."""
    text = f"""
        cabs:
          c:
            command: prog
            management:
              cleanup: [a]
              wranglers:
                {wrangler}
    """
    (draft,) = drafts(tmp_path, text)
    said = [warning.message for warning in draft.warnings]
    assert any(message in each for each in said)
    assert any("management.cleanup" in each for each in said)
    tool(tmp_path, draft)


@pytest.mark.parametrize(
    ("cab", "reason"),
    [
        ("{flavour: python-code, command: c = a}", "python-code"),
        ("{flavour: {kind: casa-task}, command: flagdata}", "casa-task"),
        ("{command: prog, parameter_passing: yaml}", "as YAML"),
        ("{info: nothing}", "no command"),
    ],
)
def test_what_is_no_program_is_refused(tmp_path: Path, cab: str, reason: str) -> None:
    """With what it is."""
    with pytest.raises(Unsayable, match=reason):
        drafts(tmp_path, f"cabs: {{c: {cab}}}")


def test_a_key_that_is_not_known_is_a_warning(tmp_path: Path) -> None:
    """Of a cab too."""
    (draft,) = drafts(tmp_path, "cabs: {c: {command: prog, dynamic_schema: a.b}}")
    assert [note.message for note in draft.warnings] == ["'dynamic_schema' has no counterpart"]


def test_what_is_not_there_is_a_warning(tmp_path: Path) -> None:
    """A file that is included, and a name that is used."""
    file = write(tmp_path / "a.yml", "_include: gone\ncabs: {c: {_use: lib.x, command: prog}}")
    _, warnings = read_cabs(file)
    assert [warning.message.partition(",")[0].partition(" names")[0] for warning in warnings] == [
        "'gone.yml'",
        "'_use: lib.x'",
    ]


@pytest.mark.parametrize("text", ["a: [", "- 1", "a: 1", "cabs: {}"])
def test_a_file_without_cabs_is_refused(tmp_path: Path, text: str) -> None:
    """In one line."""
    (tmp_path / "a.yml").write_text(text)
    with pytest.raises((UsageError, InvalidPipeline)):
        read_cabs(tmp_path / "a.yml")


@pytest.mark.parametrize(
    "include",
    [
        "a.yml",
        "a",
        "[a.yml]",
        "'(parcel)a.yml'",
        "'(.)a.yml'",
        "{(parcel): [a.yml]}",
        "[{(parcel): a.yml}]",
        "{.: a.yml}",
        "{inner: b.yml}",
        "inner/b.yml",
        "[a.yml, 'gone.yml[optional]']",
    ],
)
def test_each_form_of_an_include_is_followed(tmp_path: Path, include: str) -> None:
    """A name, a list, names by a package or a folder, and what may be missing."""
    (tmp_path / "inner").mkdir()
    for name in ("a.yml", "inner/b.yml"):
        write(tmp_path / name, "lib: {x: {command: prog --fast}}")
    text = f"_include: {include}\ncabs: {{c: {{_use: lib.x}}}}"
    file = write(tmp_path / "c.yml", text)
    cabs, warnings = read_cabs(file)
    assert cabs["c"]["command"] == "prog --fast" and warnings == []


def test_what_is_included_is_merged(tmp_path: Path) -> None:
    """Inside of a table too; the later of two files counts, the file itself over both, and what it
    includes afterwards over that."""
    write(tmp_path / "a.yml", "one: {dtype: int, info: first}\ntwo: {dtype: int}\nthree: int")
    write(tmp_path / "b.yml", "one: {info: second}")
    write(tmp_path / "post.yml", "cabs: {c: {inputs: {three: {dtype: float}}}}")
    text = """
        _include_post: post.yml
        cabs:
          c:
            command: prog
            inputs:
              _include: [a.yml, b.yml]
              two: {dtype: str}
              three: {dtype: int}
    """
    cabs, warnings = read_cabs(write(tmp_path / "c.yml", text))
    inputs = cabs["c"]["inputs"]
    assert dict(inputs["one"]) == {"dtype": "int", "info": "second"}
    assert (inputs["two"]["dtype"], inputs["three"]["dtype"]) == ("str", "float")
    assert warnings == []


def test_what_is_scrubbed_is_gone(tmp_path: Path) -> None:
    """Of what is used or included, and not of what stands there itself."""
    write(tmp_path / "a.yml", "lib: {in: {one: str, two: int, three: {dtype: int, default: 3}}}")
    text = """
        _include: a.yml
        _scrub: lib.in.three.default
        cabs:
          c:
            command: prog
            inputs: {_use: lib.in, _scrub: [one, two], two: float}
    """
    cabs, _ = read_cabs(write(tmp_path / "c.yml", text))
    inputs = cabs["c"]["inputs"]
    assert {name: inputs[name] for name in inputs} == {"two": "float", "three": {"dtype": "int"}}


def test_a_list_or_a_single_value_is_a_list_of_one_at_least(tmp_path: Path) -> None:
    """`natural`, or `briggs` with its robustness."""
    schema = "{dtype: 'Union[str, Tuple[str, float]]', policies: {split: ' ', repeat: list}}"
    read = tool(tmp_path, one(tmp_path, schema)).tool
    assert read is not None
    for words in (["natural"], ["briggs", "0.5"]):
        found = command_of(read, names_of(read, {"x": words}))
        assert [word.decode() for word in found] == ["prog", "--x", *words]


def test_a_size_for_both_sides_stays_two_numbers(tmp_path: Path) -> None:
    """A single one, which the cab would have repeated, is refused and not passed on alone."""
    schema = (
        "{dtype: 'Union[int, Tuple[int, int]]', policies: {repeat: list, "
        "format_list: ['{0}', '{1}'], format_list_scalar: ['{0}', '{0}']}}"
    )
    draft = one(tmp_path, schema)
    assert draft.content["inputs"]["x"]["minItems"] == 2


def test_groups_and_their_defaults(tmp_path: Path) -> None:
    """Names with dots; a group's title is no parameter, and defaults may be nested as well."""
    text = """
        cabs:
          c:
            command: prog
            policies: {prefix: '', key_value: true}
            inputs:
              solver:
                subsection: how it solves
                rounds: {dtype: int}
                kind: {dtype: str, choices: [fast, exact]}
            defaults: {solver: {rounds: 5}}
    """
    (draft,) = drafts(tmp_path, text)
    assert draft.warnings == []
    rounds, kind = draft.content["inputs"].values()
    assert rounds == {"type": "integer", "default": 5, "flag": "solver.rounds="}
    assert kind["enum"] == ["fast", "exact"]
    tool(tmp_path, draft)


def test_data_that_a_cab_names_itself(tmp_path: Path) -> None:
    """An implicit output of a list of data in a folder of an input, with an element that may be
    missing, and one that is no word of the command."""
    text = """
        cabs:
          c:
            command: prog
            inputs: {ms: {dtype: URI, writable: true, required: true, policies: {positional: true}}}
            outputs:
              table: {dtype: Directory, implicit: out.tab, must_exist: true, policies: {skip: true}}
              plots: {dtype: "List[File]", implicit: "=GLOB(plot-*.png)", required: false}
    """
    (draft,) = drafts(tmp_path, text)
    assert draft.content["outputs"]["table"] == {"path": "out.tab", "kind": "file"}
    assert draft.content["outputs"]["plots"]["optional"] is True
    assert tool(tmp_path, draft).changes == ("ms",)


@pytest.mark.parametrize("key", ["backend", "extra_info", "dynamic_schema"])
def test_keys_of_a_cab_without_a_counterpart(tmp_path: Path, key: str) -> None:
    """A warning at the key."""
    (draft,) = drafts(tmp_path, f"cabs:\n  c:\n    command: prog\n    {key}: {{a: b}}")
    (warning,) = draft.warnings
    assert warning.message == f"{key!r} has no counterpart"
    assert warning.at.text.strip().startswith(key)


def test_a_file_that_includes_itself_ends(tmp_path: Path) -> None:
    """With a warning."""
    file = write(tmp_path / "a.yml", "_include: a.yml\ncabs: {c: {command: prog}}")
    assert read_cabs(file)[1]


def test_short_schemas_are_understood() -> None:
    """As Stimela writes them: type, default, whether it is required, what it means."""
    assert longhand('int = 5 * "how many"') == {
        "dtype": "int",
        "default": 5,
        "required": True,
        "info": "how many",
    }
    assert longhand("List[File]") == {"dtype": "List[File]"}
    assert longhand('str = "a b"')["default"] == "a b"


def test_a_tuple_of_two_kinds_is_texts() -> None:
    """Both are words."""
    assert type_of("Tuple[str, float]") == {
        "type": "array",
        "items": {"type": "string"},
        "minItems": 2,
        "maxItems": 2,
    }
