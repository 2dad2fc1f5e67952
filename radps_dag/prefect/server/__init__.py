"""A Prefect server of our own: started beside the loading, kept warm between runs, idle no longer.

`begin` starts it and returns at once, `Starting.wait` gives its address, `client_environment` the
variables to set before Prefect is imported. Nothing here imports Prefect.
"""

from radps_dag.prefect.server.address import (
    ServerAddress,
    ServerStatus,
    client_environment,
    login_url,
)
from radps_dag.prefect.server.ending import status, stop
from radps_dag.prefect.server.files import home_directory
from radps_dag.prefect.server.pages import page_of
from radps_dag.prefect.server.starting import Starting, begin, ensure_server, idle_seconds

__all__ = [
    "ServerAddress",
    "ServerStatus",
    "Starting",
    "begin",
    "client_environment",
    "ensure_server",
    "home_directory",
    "idle_seconds",
    "login_url",
    "page_of",
    "status",
    "stop",
]
