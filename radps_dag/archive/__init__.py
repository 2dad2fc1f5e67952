"""A run as one file: what its journal says, with checksums, and what it has made if wanted."""

from __future__ import annotations

from radps_dag.archive.reading import bring_in, examine
from radps_dag.archive.writing import Exported, export

__all__ = ["Exported", "bring_in", "examine", "export"]
