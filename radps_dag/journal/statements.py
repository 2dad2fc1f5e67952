"""Statements that the journal gives its database again and again."""

from __future__ import annotations

from sqlalchemy import bindparam, insert, select, text, update

from radps_dag.journal.schema import facts, runs

__all__ = ["ADD", "HEADLESS", "KEYED", "LOCK", "MOVE", "WITH_KEY"]

# Made once: to put a statement together takes longer than to execute it.
LOCK = select(runs).where(runs.c.run == bindparam("of")).with_for_update()
MOVE = update(runs).where(runs.c.run == bindparam("of"))
ADD = insert(facts)
WITH_KEY = (
    select(facts)
    .where(facts.c.key == bindparam("key"))
    .order_by(facts.c.time.desc())
    .limit(bindparam("most"))
)
KEYED = (
    select(facts)
    .where(facts.c.key == bindparam("key"))
    .where(facts.c.run == bindparam("run"), facts.c.kind == bindparam("kind"))
    .order_by(facts.c.seq)
    .limit(1)
)
# Runs that have rows and no head, found in as many steps as there are runs.
HEADLESS = text(
    "WITH RECURSIVE found(run) AS (SELECT min(run) FROM radps_facts UNION ALL"
    " SELECT (SELECT min(run) FROM radps_facts WHERE run > found.run) FROM found"
    " WHERE found.run IS NOT NULL)"
    " SELECT run FROM found WHERE run IS NOT NULL AND run NOT IN (SELECT run FROM radps_runs)"
)
