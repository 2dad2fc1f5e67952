"""Files of other systems to files of ours: Stimela's cabs, the ALMA pipeline's procedures.

What cannot be said in ours is a warning with its place, and a comment in the file.
"""

from __future__ import annotations

from radps_dag.foreign.cab_files import read_cabs
from radps_dag.foreign.cabs import cab_to_tool
from radps_dag.foreign.drafts import Draft
from radps_dag.foreign.procedures import procedure_to_files

__all__ = ["Draft", "cab_to_tool", "procedure_to_files", "read_cabs"]
