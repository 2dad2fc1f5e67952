"""Provenance of a run's results, as W3C PROV-JSON.

The run and each attempt of each call are activities; the processes that drove it are agents, on
behalf of who started them; the pipeline's text and the workloads' code are plans; products and
outputs are entities, generated and used by the attempts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from radps_dag.facts import RunStarted, strict_json
from radps_dag.problem import RadpsDagError
from radps_dag.views.calls import Attempt, NodeView
from radps_dag.views.provenance import Lineage, Made

if TYPE_CHECKING:
    from prov.identifier import QualifiedName
    from prov.model import ProvDocument

__all__ = ["to_prov"]

_TERMS = "urn:radps-dag:terms:"


def to_prov(lineage: Lineage) -> dict[str, Any]:
    """The document as the object that PROV-JSON prescribes. Raises RadpsDagError without `prov`."""
    try:
        from prov.model import ProvDocument
    except ImportError as error:
        raise RadpsDagError(
            "PROV-JSON needs the package prov: pip install 'radps-dag[provenance]'; "
            "--format json does without"
        ) from error
    story = _Story(ProvDocument(), lineage)
    story.tell()
    document: dict[str, Any] = json.loads(story.document.serialize(format="json") or "{}")
    return document


class _Story:
    """Builds the document, in which every thing is described once."""

    def __init__(self, document: ProvDocument, lineage: Lineage) -> None:
        self.document = document
        self._lineage = lineage
        self._terms = document.add_namespace("radps", _TERMS)
        self._names = document.add_namespace("run", "urn:radps-dag:run:")
        self._things = document.add_namespace("thing", "urn:radps-dag:thing:")
        self._known: set[str] = set()
        self._made: dict[str, str] = {}  # address of a product to its name

    def tell(self) -> None:
        run = self._lineage.run
        for made in self._lineage.calls:
            self._name_products(made.call)
        self._run()
        for id, starts in self._lineage.starts.items():
            for start in starts:
                self._process(id, start)
        for made in self._lineage.calls:
            self._call(made)
        outputs = self._names[f"{quote(run.listed.run)}/outputs"]
        self.document.entity(outputs, self._said({"value": run.outputs}, "Outputs"))
        self.document.wasGeneratedBy(outputs, self._run_name(run.listed.run))
        for product in _products(run.outputs):
            self.document.wasDerivedFrom(outputs, self._product(product))

    def _run(self) -> None:
        listed, start = self._lineage.run.listed, self._lineage.run.start
        first = self._lineage.run.processes[0].start
        end = self._lineage.run.processes[-1].end
        ended = None if end is None else end.time
        if end is None and not listed.driver and listed.seconds is not None:
            ended = start.time + listed.seconds - start.spent
        told = {
            "pipeline": start.pipeline,
            "file": start.file,
            "status": listed.status,
            "params": start.params,
            "settings": start.settings,
            "library": start.library,
            "executor": start.executor,
            "seed": start.seed,
        }
        self.document.activity(
            self._run_name(listed.run), _time(first.time), _time(ended), self._said(told, "Run")
        )

    def _run_name(self, run: str) -> QualifiedName:
        return self._names[quote(run)]

    def _process(self, run: str, start: RunStarted) -> None:
        """A process that drove a run, who started it, and the text that it followed."""
        provenance = start.provenance
        told = {
            name: provenance[name]
            for name in ("host", "cpu", "cpus", "platform", "python", "command", "pid")
            if name in provenance
        }
        packages = [f"{name} {at}" for name, at in provenance.get("packages", {}).items()]
        attributes = [
            *self._said({"packages": ", ".join(packages), **told}, "Process"),
            ("prov:type", self.document.valid_qualified_name("prov:SoftwareAgent")),
        ]
        name = self._process_name(run, start.generation)
        self.document.agent(name, attributes)
        if user := provenance.get("user"):
            person = self._things[f"user/{quote(user)}"]
            if self._is_new(person):
                kind = self.document.valid_qualified_name("prov:Person")
                self.document.agent(person, [("prov:type", kind), ("prov:label", user)])
            self.document.actedOnBehalfOf(name, person)
        plan = self._pipeline(start)
        if run == self._lineage.run.listed.run:
            self.document.wasAssociatedWith(self._run_name(run), name, plan)

    def _process_name(self, run: str, generation: int) -> QualifiedName:
        return self._names[f"{quote(run)}/process/{generation}"]

    def _pipeline(self, start: RunStarted) -> QualifiedName | None:
        """The text of the pipeline: a plan, with a member for each file."""
        texts: Mapping[str, str] = start.provenance.get("sources", {})
        digest = start.provenance.get("sources_sha256", "")
        if not texts:
            return None
        plan = self._things[f"pipeline/{digest}"]
        if self._is_new(plan):
            self._plan(plan, {"sha256": digest, "name": start.pipeline}, "Pipeline")
            for name, text in texts.items():
                own = sha256(text.encode()).hexdigest()
                member = self._things[f"file/{own}"]
                if self._is_new(member):
                    self._plan(member, {"name": name, "sha256": own, "value": text}, "File")
                self.document.hadMember(plan, member)
        return plan

    def _plan(self, name: QualifiedName, told: Mapping[str, Any], kind: str) -> None:
        plan = self.document.valid_qualified_name("prov:Plan")
        self.document.entity(name, [*self._said(told, kind), ("prov:type", plan)])

    def _call(self, made: Made) -> None:
        """The attempts of a call; what the last one made, unless it is not known who made it."""
        call, origin = made.call, made.origin
        last = None
        for attempt in origin.attempts if origin is not None else ():
            assert origin is not None
            last = self._attempt(origin, attempt)
        for uri, (size, digest) in _files(call):
            entity = self._things[self._made[uri]]
            if last is not None:
                self.document.wasGeneratedBy(entity, last)
            if self._is_new(entity):
                told = {"bytes": size, "digest": digest, "location": uri}
                self.document.entity(entity, self._said(told, "Product"))
            if call.origin:
                self.document.used(self._run_name(self._lineage.run.listed.run), entity)

    def _attempt(self, call: NodeView, attempt: Attempt) -> QualifiedName:
        start = call.start
        assert start is not None
        number = f"attempt/{attempt.process}.{attempt.number}"
        name = self._names[f"{quote(call.run)}/call/{quote(call.place)}/{number}"]
        told = {
            "place": call.place,
            "run": call.run,
            "attempt": attempt.number,
            "status": attempt.status,
            "error": attempt.error,
            "message": attempt.message,
            "inputs": start.inputs,
            "outputs": call.outputs if attempt.status == "succeeded" else {},
            "key": call.made.key if call.made is not None else "",
        }
        self.document.activity(
            name, _time(attempt.started), _time(attempt.ended), self._said(told, "Call")
        )
        code = self._things[f"workload/{quote(start.workload)}/{start.source}"]
        if self._is_new(code):
            self._plan(code, {"name": start.workload, "source": start.source}, "Workload")
        self.document.wasAssociatedWith(name, self._process_name(call.run, attempt.process), code)
        for product in _products(start.inputs):
            self.document.used(name, self._product(product))
        return name

    def _name_products(self, call: NodeView) -> None:
        """Names for what a call wrote: its place in the products of the run that made it."""
        for uri, _ in _files(call):
            run = call.origin or call.run
            inside = uri.rpartition(f"/{run}/products/")[2]
            self._made[uri] = f"product/{quote(run)}/{quote(inside)}"

    def _product(self, product: Mapping[str, Any]) -> QualifiedName:
        """The entity that a reference means: what a call has made, or something from outside."""
        uri = str(product["uri"])
        around = uri
        while around and around not in self._made:
            around = around.rpartition("/")[0]
        existing = self._made.get(around)
        entity = self._things[existing if existing is not None else self._outside(uri)]
        if existing is None and self._is_new(entity):
            told = {"kind": product["kind"], "version": product.get("version"), "location": uri}
            self.document.entity(entity, self._said(told, "Product"))
        return entity

    def _outside(self, uri: str) -> str:
        """A name for what no call of this story made: of another run, or from elsewhere."""
        runs = f"{self._lineage.run.directory.parent.as_uri()}/"
        if uri.startswith(runs) and "/products/" in uri:
            run, _, inside = uri[len(runs) :].partition("/products/")
            return f"product/{quote(run)}/{quote(inside)}"
        return f"external/{quote(uri, safe='')}"

    def _is_new(self, name: QualifiedName) -> bool:
        if str(name) in self._known:
            return False
        self._known.add(str(name))
        return True

    def _said(self, told: Mapping[str, Any], kind: str) -> list[tuple[Any, Any]]:
        """Attributes in our own terms; what is no scalar is JSON."""
        attributes: list[tuple[Any, Any]] = [("prov:type", self._terms[kind])]
        for name, value in told.items():
            if value in ("", None, {}, [], ()):
                continue
            plain = value if isinstance(value, str | int | float) else strict_json(value)
            attributes.append((self._terms[name], plain))
        return attributes


def _files(call: NodeView) -> Iterator[tuple[str, tuple[int, str]]]:
    if call.made is not None and call.made.workdir:
        for name, what in call.made.files.items():
            yield f"{call.made.workdir}/{name}", what


def _products(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every reference to a product in a value."""
    if isinstance(value, Mapping):
        if isinstance(value.get("uri"), str) and "kind" in value:
            yield value
        for item in value.values():
            yield from _products(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _products(item)


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
