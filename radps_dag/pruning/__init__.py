"""Runs to less disk: those that nobody wants are removed, with the products that no other reads.

The order makes it safe to be interrupted. A run is marked, then the journal forgets it, then its
files go, the mark last: whatever is left when a process dies has a mark, and the next one goes on.
"""

from radps_dag.pruning.removal import Going, Plan, Pruned, plan, prune
from radps_dag.pruning.selection import Choice

__all__ = ["Choice", "Going", "Plan", "Pruned", "plan", "prune"]
