"""Others are told of a run that was cancelled while nobody drove it: Prefect, and the profile's."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable

from radps_dag.facts import RunEnded, RunStarted, Tracked
from radps_dag.journal.store import Store
from radps_dag.notify.event_sinks import announcing, secret_of
from radps_dag.prefect.server import begin, client_environment, status
from radps_dag.problem import RadpsDagError
from radps_dag.profile import Profile

__all__ = ["tell_others"]

Warn = Callable[[str], None]


def tell_others(store: Store, run: str, end: RunEnded, profile: Profile, warn: Warn) -> bool:
    """Announce the end of a run, and tell Prefect, if a server is there; whether it knows now.

    What cannot be told is warned of. Prefect hears of it then from the next run in the workspace.
    """
    start: RunStarted | None = None
    tracked: Tracked | None = None
    for row in store.rows(run, kinds=("run_started", "tracked")):
        fact = store.fact(row)
        if isinstance(fact, RunStarted):
            start = fact
        elif isinstance(fact, Tracked):
            tracked = fact
    with announcing(profile.events, secret_of(profile.events), warn, start) as hear:
        if start is not None:
            hear(end)
    if tracked is None or start is None:
        return True
    try:
        return _tell_prefect(store, start, end, tracked, profile, warn)
    except RadpsDagError as error:
        warn(f"{error}; {_LATER}")
        return False


_LATER = "Prefect is told by the next run in this workspace"


def _tell_prefect(
    store: Store, start: RunStarted, end: RunEnded, tracked: Tracked, profile: Profile, warn: Warn
) -> bool:
    if profile.prefect_api_url is not None:
        os.environ.setdefault("PREFECT_API_URL", profile.prefect_api_url)
    server = None
    if not os.environ.get("PREFECT_API_URL"):
        if status().status != "running":
            warn(f"no Prefect server runs here; {_LATER}")
            return False
        server = begin().wait()
        os.environ.update(client_environment(server))
    # Now that its environment is known.
    from radps_dag.prefect import seam_check, seams

    seam_check.check(seams.CLIENT, "or leave it to a later run")
    from radps_dag.prefect.bounds import only_to_the_page
    from radps_dag.prefect.contact import LAST, Contact, make_sure
    from radps_dag.prefect.events import PrefectEvents
    from radps_dag.prefect.repair import repair, untold_of

    make_sure()
    contact = Contact()
    contact.hurry(LAST)
    asyncio.run(repair(store, untold_of(store, start.run)))
    if untold_of(store, start.run):
        warn(f"the Prefect server does not know the run, or does not answer; {_LATER}")
        return False
    only_to_the_page()
    logging.raiseExceptions = False  # or Prefect prints what it cannot send
    events = PrefectEvents(contact, start)
    events.begin(tracked.flow_run)
    events.on_fact(end)
    contact.farewell()  # the event; the state is told already
    return True
