"""A run as one file: what its journal says, with checksums, and what it has made if wanted."""

from __future__ import annotations

from radps_dag.archive.exporting import Exported, export
from radps_dag.archive.importing import bring_in, examine

__all__ = ["Exported", "bring_in", "examine", "export"]
