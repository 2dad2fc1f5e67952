"""Well-formed data to the model: one function for each thing of the language.

Everything here is tolerant. What the grammar has refused is absent by now; a harmless value stands
in, so that the rest is still built and checked in the same run.
"""

from __future__ import annotations

from radps_dag.language.assembly.nodes import Included, assemble
from radps_dag.language.quantities import octets, seconds

__all__ = ["Included", "assemble", "octets", "seconds"]
