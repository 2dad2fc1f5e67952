"""Every name inside Prefect that is relied on or replaced.

Prefect's documented interface (`PUBLIC`) is kept by Prefect. The rest may move in any version: it
is listed here, once, and looked at before it is used (`seam_check`). `tests/prefect/test_seams.py`
names all that has moved, and keeps the modules of this package from reaching for what is not
listed.
"""

from __future__ import annotations

from collections.abc import Sequence

from radps_dag.prefect.seam_check import Seam

__all__ = ["CLIENT", "PUBLIC", "SERVER", "WORKER"]

# What Prefect documents: modules, whole. Of `prefect` itself, what stands in its `__all__`.
PUBLIC = (
    "prefect.artifacts",
    "prefect.cache_policies",
    "prefect.client.orchestration",
    "prefect.client.schemas",
    "prefect.events",
    "prefect.exceptions",
    "prefect.settings",
    "prefect.states",
)


_BASE = "prefect.client.base"
_FLOWS, _FLOW = "prefect.flow_engine", "AsyncFlowRunEngine"
_CLIENTS = "prefect.client.orchestration"

# In the process of a run.
CLIENT: Sequence[Seam] = (
    # Bounds of what is waited for.
    Seam(
        _BASE,
        "PrefectHttpxAsyncClient.send",
        "each request goes through it; replaced",
        ("bounds",),
        takes=("self", "request"),
    ),
    Seam(
        _BASE,
        "PrefectHttpxAsyncClient.__init__",
        "makes a client of httpx, given `base_url` and `trust_env`; replaced",
        ("bounds",),
        takes=("self", "kwargs"),
    ),
    Seam(_BASE, "PrefectHttpxSyncClient.__init__", "the same", ("bounds",), takes=("kwargs",)),
    Seam(
        "prefect._internal.websockets",
        "connect",
        "opens the websocket of events, and takes `proxy`; replaced",
        ("bounds",),
        takes=("uri", "proxy"),
    ),
    Seam(
        "prefect._internal.concurrency.services",
        "_QueueServiceBase.drain_all",
        "ends all that sends in the background, of whatever class",
        ("bounds",),
        takes=("timeout", "at_exit"),
    ),
    Seam("prefect.logging.handlers", "PrefectConsoleHandler", "is taken away", ("bounds",)),
    Seam("prefect.logging.handlers", "APILogWorker", "logs by this name", ("bounds",)),
    Seam("prefect.events.worker", "EventsWorker", "logs by this name", ("bounds",)),
    # Settings of one run of several in a process.
    Seam("prefect.settings", "", "each setting is a name in it", ("client_settings",)),
    Seam("prefect.context", "get_settings_context", "those in force", ("client_settings",)),
    Seam(
        "prefect.context",
        "SettingsContext",
        "entered, and left with the context of the run",
        ("client_settings",),
    ),
    # Flow runs: an engine of ours above Prefect's.
    Seam(
        _FLOWS,
        _FLOW,
        "a dataclass; runs a flow in this loop",
        ("flow_runs",),
        has=("flow", "parameters", "flow_run", "state", "is_running", "start", "run_context"),
    ),
    Seam(_FLOWS, f"{_FLOW}.call_flow_fn", "gives what is awaited", ("flow_runs",)),
    Seam(
        _FLOWS,
        f"{_FLOW}.set_state",
        "tells the server; replaced for pauses, and where the server is gone",
        ("flow_runs",),
        takes=("self", "state", "force"),
    ),
    Seam(_FLOWS, f"{_FLOW}.begin_run", "sets Running; replaced, as it runs", ("flow_runs",)),
    Seam(
        _FLOWS,
        f"{_FLOW}.create_flow_run",
        "makes the flow run in many calls; replaced by one",
        ("flow_runs",),
        takes=("self", "client"),
    ),
    Seam(
        _CLIENTS,
        "PrefectClient.create_task_run",
        "makes the task run that stands for a subflow",
        ("flow_runs",),
        takes=("task", "flow_run_id", "dynamic_key", "name"),
    ),
    Seam(
        _CLIENTS,
        "PrefectClient.request",
        "POST /flow_runs/ makes a flow run that is running",
        ("flow_runs",),
        takes=("method", "path"),
    ),
    Seam(
        "prefect.client.schemas.actions",
        "FlowRunCreate",
        "is the body of that request",
        ("flow_runs",),
        has=(
            *("flow_id", "flow_version", "name", "parameters", "tags", "state"),
            "parent_task_run_id",
        ),
    ),
    Seam("prefect.states", "to_state_create", "a state in that body", ("flow_runs",)),
    Seam(
        "prefect.context",
        "FlowRunContext",
        "knows the flow run of this place",
        ("flow_runs", "tracker"),
        has=("get", "flow_run"),
    ),
    # Task runs: events such as those of Prefect's engine (`emit_task_run_state_change_event`).
    Seam(
        _CLIENTS,
        "PrefectClient.request",
        "POST /events takes many; one of a task run has the resource, the related flow run and "
        "the payload by which the server records it",
        ("task_runs",),
        takes=("method", "path"),
    ),
    Seam(
        "prefect.concurrency._asyncio",
        "concurrency",
        "waits until the limits that go with tags let one more run; that of Prefect's interface "
        "warns of each tag without a limit",
        ("task_runs",),
        takes=("names", "holder", "lease_duration", "suppress_warnings"),
    ),
    Seam(
        "prefect",
        "Flow",
        "is what the flow run of a run is made of; has an attribute that may be changed",
        ("tracker",),
        takes=("fn", "name", "description", "validate_parameters", "persist_result"),
        has=("result_storage",),
    ),
    Seam(
        "prefect",
        "Task",
        "is what a task run that stands for a subflow is made of",
        ("flow_runs",),
        takes=("fn", "name", "version"),
    ),
    Seam(
        "prefect.filesystems",
        "WritableFileSystem",
        "a storage for results; ours keeps none",
        ("tracker",),
        has=("read_path", "write_path"),
    ),
    Seam(
        "prefect.utilities.urls",
        "url_for",
        "gives the address of a flow run's page",
        ("tracker", "prompts", "deployments"),
        takes=("obj", "obj_id"),
    ),
    Seam(
        "prefect.input.run_input",
        "keyset_from_base_key",
        "gives the names under which the page finds a form",
        ("prompts",),
    ),
)

# In the process of `serve`, and where a work pool is made.
WORKER: Sequence[Seam] = (
    Seam(
        "prefect.workers.process",
        "ProcessWorker",
        "serves a work pool, by methods that are replaced in an instance: one begins the runs that "
        "are due, one drives a run and tells the process's id",
        ("serving", "deployments"),
        takes=("work_pool_name", "name", "limit", "create_pool_if_not_found"),
        has=(
            *("start", "run", "get_and_submit_flow_runs"),
            "get_default_base_job_template",
        ),
    ),
    Seam(
        "prefect.workers.process",
        "ProcessWorker.run",
        "drives a run",
        ("serving",),
        takes=("flow_run", "configuration", "task_status"),
    ),
)

_SQLITE = "prefect.server.database.configurations"
_ORM = "prefect.server.database.orm_models"
_MEMORY = "prefect.server.utilities.messaging.memory"
_PERSISTER = "prefect.server.events.services.event_persister"
_RECORDING = ("server.recording",)

# In the process of the local server.
SERVER: Sequence[Seam] = (
    Seam(
        "prefect.server.api.server",
        "create_app",
        "makes the ASGI application",
        ("server.main",),
        takes=("final",),
    ),
    Seam(
        "prefect",
        "__ui_v2_static_path__",
        "where its newer page is; replaced by nowhere",
        ("server.page",),
    ),
    Seam(
        "prefect.server.database",
        "provide_database_interface",
        "migrates a database; beside it are `_migrations` with `env.py` and `versions/sqlite`, "
        "and a database has the table `alembic_version`",
        ("server.database", "server.schema"),
    ),
    Seam(
        _SQLITE,
        "AioSqliteConfiguration.begin_transaction",
        "begins each transaction; replaced by one that waits for its turn",
        _RECORDING,
        takes=("self", "session", "with_for_update"),
    ),
    Seam(
        _SQLITE,
        "AioSqliteConfiguration.session",
        "makes each session; replaced by one that writes rows in bulk",
        _RECORDING,
        takes=("self", "engine"),
    ),
    Seam(_SQLITE, "SQLITE_BEGIN_MODE", "how a transaction begins", _RECORDING, has=("set",)),
    Seam(
        "prefect.server.database.query_components",
        "AioSqliteQueryComponents.insert",
        "makes each INSERT; replaced by one that keeps its rows",
        _RECORDING,
        takes=("self", "obj"),
    ),
    Seam(
        "prefect.server.models.deployments",
        "_insert_scheduled_flow_runs",
        "inserts a list of rows with the key `state`, which is no column",
        _RECORDING,
    ),
    *(
        Seam(_ORM, table, "a table that is written in bulk", _RECORDING, has=("__table__",))
        for table in ("TaskRun", "TaskRunState", "Event", "EventResource")
    ),
    Seam(
        "prefect.server.services.task_run_recorder",
        "_record_bulk_task_run_events",
        "writes a batch; made one transaction",
        _RECORDING,
    ),
    Seam(_PERSISTER, "write_events", "writes a batch; made one transaction", _RECORDING),
    Seam(
        _PERSISTER,
        "create_consumer",
        "makes the reader of events; replaced by one that leaves those of task runs out",
        _RECORDING,
    ),
    Seam(
        _MEMORY,
        "Consumer",
        "has the subscription from which it reads",
        _RECORDING,
        has=("subscription",),
    ),
    Seam(
        _MEMORY,
        "Subscription",
        "holds messages in two queues; replaced by one with larger ones",
        _RECORDING,
        has=("deliver", "_queue", "_retry"),
    ),
    Seam(_MEMORY, "MemoryMessage", "is copied; replaced", _RECORDING, has=("attributes",)),
    Seam(_MEMORY, "Topic", "knows all", _RECORDING, has=("_topics", "_subscriptions")),
)
