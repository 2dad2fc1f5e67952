"""Prefect's settings for the local server and for those who talk to it, as variables."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from radps_dag import __version__
from radps_dag.prefect.server.files import ServerFiles
from radps_dag.prefect.server.links import PRODUCTS_PATH
from radps_dag.prefect.server.login import LOGIN_PATH

__all__ = ["DEFAULT_IDLE_TIMEOUT", "fingerprint", "private_variables", "server_variables"]

DEFAULT_IDLE_TIMEOUT = 30 * 60.0  # seconds

# What holds for the server and its clients alike: nothing is sent anywhere, and nothing is read
# from the user's own Prefect configuration.
_QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    # Prefect's newer page cannot resume what is paused, and leads back through a survey.
    "PREFECT_SERVER_UI_V2_ENABLED": "false",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
}

# Measured with 1,000 task runs: docs/server.md.
_TUNED = {
    # By default each state of each task run is a transaction of its own.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "500",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "2",
    # Automations and live event streams: each looks at every event, and nobody has set any up.
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
    "PREFECT_SERVER_EVENTS_STREAM_OUT_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_CLEANUP_RECONCILER_ENABLED": "false",
    # A second at the first start, for block types that no pipeline uses.
    "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
    "PREFECT_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",
}

_RETENTION = {
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs,orphans",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": "P30D",
    "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": "P7D",
}


def server_variables(place: ServerFiles, port: int, auth_string: str) -> dict[str, str]:
    """The environment in which the server imports Prefect; any other PREFECT_ variable is gone."""
    origin = f"http://127.0.0.1:{port}"
    return {
        **_QUIET,
        **_TUNED,
        **_RETENTION,
        "PREFECT_HOME": str(place.prefect),
        "PREFECT_PROFILES_PATH": str(place.prefect / "profiles.toml"),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{place.database}",
        "PREFECT_SERVER_API_AUTH_STRING": auth_string,
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"{origin},http://localhost:{port}",
        # Relative, so that the page works through a forwarded port (`ssh -L`) as well.
        "PREFECT_SERVER_UI_API_URL": "/api",
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(place.pages),
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
    }


def private_variables(api_url: str, auth_string: str, prefect_home: Path) -> dict[str, str]:
    """The environment in which a run imports Prefect, to talk to the local server."""
    return {
        **_QUIET,
        "PREFECT_HOME": str(prefect_home),
        "PREFECT_PROFILES_PATH": str(prefect_home / "profiles.toml"),
        "PREFECT_API_URL": api_url,
        "PREFECT_API_AUTH_STRING": auth_string,
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
        "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
        "PREFECT_TASKS_DEFAULT_PERSIST_RESULT": "false",
        "PREFECT_TASKS_DEFAULT_NO_CACHE": "true",
        # The server has no CSRF protection (it has a password), and is of this very version:
        # two questions per client that need not be asked.
        "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false",
        "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
    }


def fingerprint() -> str:
    """Digest of what a server and its users must have in common: versions and settings."""
    import importlib.metadata  # not needed to start a server, and not free

    same = {
        "radps_dag": __version__,
        "prefect": importlib.metadata.version("prefect"),
        "settings": [_QUIET, _TUNED, _RETENTION],
        "paths": [PRODUCTS_PATH, LOGIN_PATH],
    }
    return hashlib.sha256(json.dumps(same, sort_keys=True).encode()).hexdigest()[:16]
