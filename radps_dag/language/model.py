"""The pipeline as frozen values: what the loader makes of a file, and everything after reads.

A node is a `Task`, a `Group`, a `Use` or a `Pause`. Any of them may carry a condition, a fan-out,
a loop, retries and QA; those are values of their own. Nothing here knows YAML, graphs or Prefect.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, assert_never

from radps_dag.language.expression import Value
from radps_dag.language.quantities import in_words, length
from radps_dag.language.shape import Shape
from radps_dag.problem import Location

if TYPE_CHECKING:
    from radps_dag.facts import NodeKind  # which takes as long to import as all of this

__all__ = [
    "MOST_INSTANCES",
    "MOST_ITERATIONS",
    "Children",
    "ContextKey",
    "Defaults",
    "ForEach",
    "Group",
    "Leaf",
    "Loop",
    "MemberDefault",
    "Metric",
    "Named",
    "Need",
    "Node",
    "OnAlert",
    "OnError",
    "OnLimit",
    "Param",
    "Pause",
    "Pipeline",
    "Qa",
    "Resources",
    "Retries",
    "StateVariable",
    "Task",
    "Use",
    "arguments",
    "children",
    "walk",
]

OnError = Literal["fail", "continue", "skip_dependents"]
OnLimit = Literal["fail", "warn", "pause"]
OnAlert = Literal["continue", "pause", "fail"]

# Of one fan-out, and of one loop.
MOST_INSTANCES = 1_000_000
MOST_ITERATIONS = 1_000_000


# Tuples where a part of a node is a part alone: a frozen dataclass takes twice as long to make, and
# its class four times.
class Named(NamedTuple):
    """A named value of a mapping whose names the author chose: an input, an output, an item."""

    name: str
    value: Value
    at: Location  # of the name


class Need(NamedTuple):
    """One entry of `needs`: order without data."""

    id: str
    at: Location


class Retries(NamedTuple):
    """Attempts after the first. `delay` in seconds, times `backoff` each time; `jitter` from 0 to 1
    is the share of the delay that is added at random. `on` names exception types; empty is any."""

    max: int
    delay: float = 0.0
    backoff: float = 1.0
    jitter: float = 0.0
    on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resources:
    """The resources that one call asks of the executor. Memory in bytes, `walltime` in seconds.
    Of all calls that name a lock, one runs at a time.
    """

    cpus: float = 1.0
    memory: int | None = None
    gpus: int = 0
    walltime: float | None = None
    locks: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """All of it, in words."""
        parts = [f"{self.cpus:g} processor{'' if self.cpus == 1 else 's'}"]
        if self.memory:
            parts.append(f"{in_words(self.memory)} of memory")
        if self.gpus:
            parts.append(f"{self.gpus} GPU{'' if self.gpus == 1 else 's'}")
        if self.walltime:
            parts.append(f"{length(self.walltime)} of walltime")
        return ", ".join(parts)


class StateVariable(NamedTuple):
    """A value that a loop carries from one iteration to the next; without `next` it stays."""

    name: str
    init: Value
    next: Value | None
    at: Location


class Loop(NamedTuple):
    """Repeat until converged. `max_iterations` is an integer, or an expression that gives one."""

    max_iterations: Value
    at: Location
    state: tuple[StateVariable, ...] = ()
    until: Value | None = None
    diverged: Value | None = None
    on_exhausted: OnLimit = "fail"
    on_diverged: OnLimit = "fail"
    keep: Literal["last", "best"] = "last"
    score: Value | None = None


class ForEach(NamedTuple):
    """One instance per item. `min_success` is a count of instances or, if `percent`, a share."""

    items: tuple[Named, ...]
    at: Location
    key: Value | None = None
    max_parallel: Value | None = None
    min_success: float = 100.0
    percent: bool = True
    batch: int = 1


class Metric(NamedTuple):
    """One QA metric of a node."""

    name: str
    score: Value
    at: Location
    value: Value | None = None
    units: str | None = None
    reason: Value | None = None
    applies_to: Value | None = None


class Qa(NamedTuple):
    """Metrics, thresholds (0 to 1, or an expression that gives one), and what a low score does."""

    metrics: tuple[Metric, ...]
    at: Location
    warn_below: Value | None = None
    alert_below: Value | None = None
    on_alert: OnAlert = "continue"


# What is generated for a dataclass is a good part of the start: none where there are no instances.
@dataclass(frozen=True, slots=True, kw_only=True, init=False, repr=False, eq=False)
class _Node:
    """Members that every kind of node may have."""

    kind: ClassVar[NodeKind]
    id: str
    at: Location
    description: str = ""
    needs: tuple[Need, ...] = ()
    when: Value | None = None
    for_each: ForEach | None = None
    loop: Loop | None = None
    retries: Retries | None = None  # of the node itself or, for a task, the pipeline's default
    timeout: float | None = None  # seconds, of one attempt
    on_error: OnError = "fail"
    qa: Qa | None = None
    resources: tuple[Named, ...] = ()  # what one call asks for, as values (`amounts`)
    cache: bool = True
    tags: tuple[str, ...] = ()


class Leaf(_Node):
    """A node without others inside."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Task(Leaf):
    """A call of a workload function."""

    kind = "task"
    run: str
    run_at: Location
    arguments: tuple[Named, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Group(_Node):
    """Nodes that belong together; `outputs` are what the outside sees of them."""

    kind = "group"
    steps: tuple[Node, ...]
    outputs: tuple[Named, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Use(_Node):
    """Another pipeline file as a group; its arguments become that pipeline's params."""

    kind = "use"
    pipeline: Pipeline
    file: str  # as written
    file_at: Location
    arguments: tuple[Named, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause(Leaf):
    """A question to a person. The answer's fields are the node's outputs."""

    kind = "pause"
    message: Value
    show: tuple[Value, ...] = ()
    inputs: tuple[Param, ...] = ()
    answer_within: float | None = None  # seconds
    on_timeout: Literal["fail", "defaults"] = "fail"


Node = Task | Group | Use | Pause


class MemberDefault(NamedTuple):
    """The default of a member inside a param's value, with the schema of the member."""

    path: str  # such as `box.cell`, or `rounds[].niter` for that of a list's items
    schema: Mapping[str, Any]
    value: Any
    at: Location


class Param(NamedTuple):
    """A parameter of a pipeline, or a field of a pause's answer.

    `schema` is its JSON Schema (a plain, never-changed mapping) and `shape` the same as a shape.
    `default` is a constant for params, and may be an expression for a pause's input; `inside` are
    those of members. A `secret` one is shown and recorded nowhere.
    """

    name: str
    schema: Mapping[str, Any]
    shape: Shape
    at: Location
    default: Value | None = None
    description: str = ""
    unit: str = ""
    inside: tuple[MemberDefault, ...] = ()
    secret: bool = False

    @property
    def required(self) -> bool:
        """Whether a value must be given."""
        return self.default is None


class ContextKey(NamedTuple):
    """A key of the context that the pipeline declares: the JSON Schema of its value. To a
    `collection` several nodes may add, and its value is the list of what they added."""

    name: str
    schema: Mapping[str, Any]
    at: Location
    collection: bool = False
    description: str = ""


@dataclass(frozen=True, slots=True)
class Defaults:
    """Defaults that nodes inherit: retries and timeout go to tasks, on_error to every node that a
    parent can go on without, max_parallel to fan-outs.
    """

    retries: Retries | None = None
    timeout: float | None = None
    on_error: OnError = "fail"
    max_parallel: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """A pipeline file, understood."""

    name: str
    at: Location
    stages: tuple[Node, ...]
    description: str = ""
    params: tuple[Param, ...] = ()
    context: tuple[ContextKey, ...] = ()
    library: str = "placeholder"
    defaults: Defaults = Defaults()
    outputs: tuple[Named, ...] = ()
    path: str = ""  # of the file, resolved; "" for a text

    def param(self, name: str) -> Param | None:
        """Param of that name; None if there is none."""
        return next((param for param in self.params if param.name == name), None)


Children = tuple[Node, ...]


def children(node: Node | Pipeline) -> Children:
    """The nodes directly inside: a group's steps, the stages of a pipeline or of a used file."""
    match node:
        case Pipeline():
            return node.stages
        case Group():
            return node.steps
        case Use():
            return node.pipeline.stages
        case Leaf():
            return ()
        case _:
            assert_never(node)


def arguments(node: Node) -> tuple[Named, ...]:
    """The arguments that a node hands to what it calls, or to the file that it uses."""
    match node:
        case Task() | Use():
            return node.arguments
        case Group() | Pause():
            return ()
        case _:
            assert_never(node)


def walk(root: Node | Pipeline, path: str = "") -> Iterator[tuple[str, Node]]:
    """Every node below `root` with its path (`image_cube/clean`), parents before children."""
    for node in children(root):
        below = f"{path}/{node.id}" if path else node.id
        yield below, node
        yield from walk(node, below)
