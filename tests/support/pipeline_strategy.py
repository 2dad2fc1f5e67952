"""Random pipelines that are valid: every part of the language that always gives the same result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import yaml
from hypothesis import strategies as st

__all__ = ["Files", "pipelines"]

T = TypeVar("T")


@dataclass(frozen=True)
class Files:
    """A pipeline's text, and those of the files that it uses."""

    text: str
    files: dict[str, str]

    def __repr__(self) -> str:
        parts = {"pipeline.yaml": self.text, **self.files}
        return "\n".join(f"# {name}\n{text}" for name, text in parts.items())


@dataclass(frozen=True)
class Sight:
    """The numbers and lists of numbers that an expression may read here; `lacking` are those that
    may have no value."""

    numbers: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    lacking: frozenset[str] = frozenset()

    def plus(
        self, numbers: Sequence[str] = (), lists: Sequence[str] = (), lacks: bool = False
    ) -> Sight:
        lacking = self.lacking | (set(numbers) | set(lists) if lacks else set())
        return Sight((*self.numbers, *numbers), (*self.lists, *lists), frozenset(lacking))

    def without_steps(self, ids: Sequence[str]) -> Sight:
        """What is left where these steps hide their namesakes."""
        hidden = tuple(f"steps.{id}." for id in ids)
        return replace(
            self,
            numbers=tuple(one for one in self.numbers if not one.startswith(hidden)),
            lists=tuple(one for one in self.lists if not one.startswith(hidden)),
        )


@dataclass
class Writer:
    """Writes one pipeline with what `draw` gives."""

    draw: Any
    files: dict[str, str] = field(default_factory=dict)
    given: dict[str, list[str]] = field(default_factory=dict)  # the outputs of each file
    nodes: int = 0

    def one_of(self, options: Sequence[T]) -> T:
        found: T = self.draw(st.sampled_from(options))
        return found

    def read(self, names: Sequence[str]) -> str:
        """One of the names, rather one that came into sight lately."""
        return self.one_of([*names, *names[-4:], *names[-4:], *names[-2:], *names[-2:]])

    def often(self, chance: int) -> bool:
        """True one time in so many; False is the simple case."""
        return bool(self.draw(st.integers(0, chance - 1)) == chance - 1)

    def file(self, name: str, size: int) -> str:
        params = {"n": {"type": "number", "default": 1}}
        if self.often(2):
            params["m"] = {"type": "number", "default": 2}
        sight = Sight(numbers=tuple(f"params.{param}" for param in params))
        stages, after = self.level("stages", sight, name, size, depth=0)
        outputs = {"value": self.number(after), "list": self.list(after)}
        document = {
            "version": 1,
            "name": "random",
            "params": params,
            "stages": stages,
            "outputs": outputs,
        }
        return yaml.safe_dump(document, sort_keys=False, width=200)

    def level(
        self, root: str, sight: Sight, path: str, size: int, depth: int
    ) -> tuple[dict[str, Any], Sight]:
        """The nodes of a level, and what is in sight after them."""
        ids = "abcd"[: self.draw(st.integers(1, size))]
        if root == "steps":
            sight = sight.without_steps([f"{id}" for id in ids])
        infectious = self.often(3)
        nodes: dict[str, Any] = {}
        for id in ids:
            node, numbers, lists = self.node(sight, f"{path}/{id}", depth, infectious)
            if nodes and self.often(3):
                node["needs"] = [self.one_of(list(nodes))]
            lacks = "when" in node or "on_error" in node or infectious
            nodes[id] = node
            sight = sight.plus(
                [f"{root}.{id}.{name}" for name in numbers],
                [f"{root}.{id}.{name}" for name in lists],
                lacks,
            )
        return nodes, sight

    def node(
        self, sight: Sight, path: str, depth: int, infectious: bool
    ) -> tuple[dict[str, Any], list[str], list[str]]:
        """A node, and the names of its outputs that are numbers, and lists of them."""
        self.nodes += 1
        node: dict[str, Any] = {}
        if self.often(4):
            node["when"] = "${{ " + self.truth(sight) + " }}"
        policies = ["continue", "skip_dependents", "skip_dependents"]
        if self.often(2):
            node["on_error"] = self.one_of(policies if infectious else policies[:1])
        inside = sight
        fans = self.often(4)
        if fans:
            inside = self.fan_out(node, sight)
        loops = self.often(4)
        loop: dict[str, Any] = {}
        before = inside
        if loops:
            loop["state"] = {}
            names = ["s", "t"][: self.draw(st.integers(0, 2))]
            inside = inside.plus([*(f"state.{name}" for name in names), "loop.index"])
            for name in names:
                loop["state"][name] = {"init": self.number(before)}
        numbers, lists, after = self.body(node, inside, path, depth)
        if loops:
            node["loop"] = self.loop(loop, after.plus([f"outputs.{name}" for name in numbers]))
            numbers = [*numbers, "iterations"]
        if self.often(5):
            node["retries"] = {"max": 1}
            if "run" in node:
                node["retries"]["on"] = [self.one_of(["ValueError", "Exception", "OSError"])]
        if fans:
            if "run" in node and self.often(3):
                node["batch"] = self.draw(st.integers(1, 3))
            return node, [], numbers
        return node, numbers, lists

    def body(
        self, node: dict[str, Any], sight: Sight, path: str, depth: int
    ) -> tuple[list[str], list[str], Sight]:
        """What the node does: its outputs, and what its loop sees."""
        small = depth >= 2 or self.nodes > 12
        kinds = ["task"] * 3 + ([] if small else ["group", "group"])
        kind = self.one_of(kinds + (["use"] if self.files and not small else []))
        if kind == "group":
            node["steps"], after = self.level("steps", sight, path, 3, depth + 1)
            node["outputs"] = {"value": self.number(after)}
            if self.often(2):
                node["outputs"]["list"] = self.list(after)
            return ["value"], [name for name in node["outputs"] if name == "list"], after
        if kind == "use":
            node["use"] = self.one_of(sorted(self.files))
            node["with"] = {"n": self.number(sight)}
            return ["value"], ["list"], sight
        node["run"] = self.one_of(["add", "give", "give", "fail_if", "fail_if", "fail_if"])
        node["with"] = {"name": path}
        match node["run"]:
            case "add":
                node["with"] |= {"a": self.number(sight), "b": self.number(sight)}
            case "give":
                node["with"] |= {"value": self.number(sight)}
            case "fail_if":
                bad = "${{ " + self.truth(sight) + " }}"
                node["with"] |= {"bad": bad, "value": self.number(sight)}
        return ["sum" if node["run"] == "add" else "value"], [], sight

    def fan_out(self, node: dict[str, Any], sight: Sight) -> Sight:
        names = ["i", "j"][: 1 + self.often(3)]
        items: dict[str, Any] = {}
        sizes: list[int] = []
        for name in names:
            if sight.lists and self.often(3):
                items[name] = f"${{{{ {self.list_of(sight)} }}}}"
            elif self.often(3):
                items[name] = "${{ range((" + self.bare(sight) + " | int) % 4) }}"
            else:
                items[name] = self.draw(st.lists(st.integers(0, 9), max_size=3, unique=True))
                sizes.append(len(items[name]))
        node["for_each"] = items
        if self.often(2):
            node["key"] = "k${{ each.index }}"
        if self.often(2):
            node["max_parallel"] = self.draw(st.integers(1, 3))
        if self.often(2):
            most = 0 if 0 in sizes else 1  # a count that no list here can fail to have
            node["min_success"] = self.one_of(["0%", "50%", "75%", most])
        return sight.plus([*(f"each.{name}" for name in names), "each.index"])

    def loop(self, loop: dict[str, Any], sight: Sight) -> dict[str, Any]:
        loop["max_iterations"] = self.draw(st.integers(1, 4))
        for name in loop["state"]:
            # Each variable is read at least here: one that nobody reads is refused.
            loop["state"][name]["next"] = f"${{{{ (state.{name} + {self.bare(sight)}) % 11 }}}}"
        if not loop["state"]:
            del loop["state"]
        loop["on_exhausted"] = self.one_of(["warn", "warn", "fail"])
        if self.often(2):
            loop["until"] = "${{ loop.index >= 3 or " + self.truth(sight) + " }}"
        if self.often(4):
            loop["diverged"] = "${{ loop.index > 1 and " + self.truth(sight) + " }}"
            loop["on_diverged"] = self.one_of(["warn", "fail"])
        if self.often(2):
            loop["score"] = "${{ " + self.bare(sight) + " % 4 }}"
            if not self.often(3):
                loop["keep"] = "best"
        return loop

    def number(self, sight: Sight) -> Any:
        if self.often(4):
            return self.draw(st.integers(0, 5))
        return "${{ " + self.bare(sight) + " }}"

    def list(self, sight: Sight) -> Any:
        if sight.lists and self.often(2):
            return "${{ " + self.list_of(sight) + " }}"
        return [self.number(sight) for _ in range(self.draw(st.integers(0, 2)))]

    def list_of(self, sight: Sight) -> str:
        found = self.read(sight.lists)
        return f"({found} | default([]))" if found in sight.lacking else found

    def bare(self, sight: Sight, depth: int = 0) -> str:
        """An expression of a number."""
        kinds = ["constant"] + ["read"] * 3 * bool(sight.numbers)
        kinds += ["length", "sum"] * bool(sight.lists)
        kinds += ["plus", "most", "choice"] * (depth < 2)
        match self.one_of(kinds):
            case "read":
                found = self.read(sight.numbers)
                other = self.draw(st.integers(0, 5))
                return f"({found} | default({other}))" if found in sight.lacking else found
            case "length":
                return f"({self.list_of(sight)} | length)"
            case "sum":
                return f"({self.list_of(sight)} | sum)"
            case "plus":
                sign = self.one_of("+-*")
                left, right = self.bare(sight, depth + 1), self.bare(sight, depth + 1)
                return f"(({left} {sign} {right}) % 13)"
            case "most":
                return f"([{self.bare(sight, depth + 1)}, {self.bare(sight, depth + 1)}] | max)"
            case "choice":
                left, right = self.bare(sight, depth + 1), self.bare(sight, depth + 1)
                return f"({left} if {self.truth(sight, depth + 1)} else {right})"
        return str(self.draw(st.integers(0, 5)))

    def truth(self, sight: Sight, depth: int = 1) -> str:
        left = self.bare(sight, depth)
        if self.often(2):
            return f"({left} % 3 == {self.draw(st.integers(0, 2))})"
        return f"({left} {self.one_of(['>', '<=', '!='])} {self.bare(sight, depth)})"


@st.composite
def pipelines(draw: Any) -> Files:
    """A valid pipeline, with up to two files that it uses."""
    writer = Writer(draw)
    for name in ("part.yaml", "other.yaml")[: draw(st.integers(0, 2))]:
        text = writer.file(name, 2)
        writer.files[name] = text
        writer.nodes = 0
    text = writer.file("pipeline.yaml", 4)
    return Files(text, dict(writer.files))
