"""YAML to data that knows its places: YAML 1.2 core types, and everything doubtful refused.

PyYAML's C parser makes the events; the types of plain scalars and the refusals are ours, because
PyYAML reads YAML 1.1, in which `12:30:45` is 45045 and `no` is false.
"""

from __future__ import annotations

from radps_dag.language.source.building import MAX_DEPTH, MAX_PROBLEMS, MAX_VALUES, parse
from radps_dag.language.source.data import Document, Report, Series, Table
from radps_dag.language.source.text import MAX_BYTES, read_source

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_PROBLEMS",
    "MAX_VALUES",
    "Document",
    "Report",
    "Series",
    "Table",
    "parse",
    "read_source",
]
