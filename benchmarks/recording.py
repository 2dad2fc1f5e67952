"""How soon the local server has recorded a thousand task runs, and what each costs.

    python -m benchmarks.recording [TASKS] [ROUNDS]

A hand-written async flow of no-op tasks in a TaskGroup, without caching and persistence, against a
warm local server: the client's time per task, the server's processor time per task, and the
seconds from the flow's end until the database has each task run with its last state.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from radps_dag.prefect import server
from radps_dag.prefect.server import ServerAddress

FLOW = """
import asyncio, json, sys, time
from prefect import flow, task
from prefect.cache_policies import NO_CACHE

@task(persist_result=False, cache_policy=NO_CACHE)
async def nothing(number):
    return number

@flow(persist_result=False, validate_parameters=False)
async def every(count):
    from prefect.runtime import flow_run
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(nothing(number))
    return flow_run.id

begun, used = time.perf_counter(), time.process_time()
run = asyncio.run(every(int(sys.argv[1])))
print(json.dumps({
    "run": str(run),
    "ended": time.time(),
    "wall": time.perf_counter() - begun,
    "cpu": time.process_time() - used,
}))
"""


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def recorded(database: Path, run: str, count: int, patience: float = 300) -> tuple[int, float]:
    """How many of a run's task runs are complete in the database, and when that was so."""
    query = "SELECT count(*) FROM task_run WHERE flow_run_id = ? AND state_type = 'COMPLETED'"
    give_up = time.time() + patience
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        while True:
            (found,) = connection.execute(query, (run,)).fetchone()
            if found >= count or time.time() > give_up:
                return found, time.time()
            time.sleep(0.05)


def measure(address: ServerAddress, count: int) -> str:
    environment = {
        **os.environ,
        **server.client_environment(address),
        "PREFECT_LOGGING_LEVEL": "WARNING",
    }
    before = processor_seconds(address.pid)
    flow = [sys.executable, "-c", FLOW, str(count)]
    done = subprocess.Popen(flow, env=environment, stdout=subprocess.PIPE, text=True)
    assert done.stdout is not None
    told = json.loads(done.stdout.readline())
    found, at = recorded(address.prefect_home / "prefect.db", told["run"], count)
    done.communicate()
    used = processor_seconds(address.pid) - before
    return (
        f"client {1000 * told['wall'] / count:5.2f} ms a task ({1000 * told['cpu'] / count:.2f} "
        f"processor), server {1000 * used / count:5.2f} processor, "
        f"{found} of {count} recorded {at - told['ended']:5.2f} s after the end"
    )


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with tempfile.TemporaryDirectory() as folder:
        address = server.ensure_server(Path(folder))
        try:
            measure(address, 50)  # the server's first run fills its caches
            for _ in range(rounds):
                print(measure(address, count), flush=True)
        finally:
            address.release()
            server.stop(Path(folder), force=True)


if __name__ == "__main__":
    main()
