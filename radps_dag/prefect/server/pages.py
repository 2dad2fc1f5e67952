"""The page of a flow run of the past: the address that opens it, where its server is there."""

from __future__ import annotations

import http.client
import re
from base64 import b64encode
from urllib.parse import urlsplit

from radps_dag.prefect.server.address import ServerStatus
from radps_dag.prefect.server.ending import status
from radps_dag.prefect.server.files import ServerFiles
from radps_dag.prefect.server.login import login_address, new_pass

__all__ = ["page_of"]

_CLOUD = re.compile(r"https://api\.prefect\.cloud/api/accounts/([^/]+)/workspaces/([^/]+)")
PATIENCE = 2.0  # seconds


def page_of(flow_run: str, api: str) -> str:
    """The address that opens a flow run, by the address of the API that made it.

    That of the local server logs in. Where it cannot be opened now, words that say why.
    """
    state = status()
    ours = f"http://127.0.0.1:{ServerFiles.of(None).read_state().get('port')}/api" == api
    if state.ui_url is not None and _is_known(state, flow_run):
        said = new_pass(ServerFiles(state.directory).auth_string())
        return login_address(state.ui_url, said, f"/runs/flow-run/{flow_run}")
    if state.ui_url is not None and ours:
        return "not known to the local Prefect server any more"
    if ours:
        return "the local Prefect server has ended; `radps-dag server start`, then look again"
    return f"{_CLOUD.sub(_cloud_page, api).removesuffix('/api')}/runs/flow-run/{flow_run}"


def _cloud_page(match: re.Match[str]) -> str:
    return f"https://app.prefect.cloud/account/{match[1]}/workspace/{match[2]}"


def _is_known(state: ServerStatus, flow_run: str) -> bool:
    """Whether our server knows a flow run. One that is too busy to say so is believed to."""
    basic = b64encode(ServerFiles(state.directory).auth_string().encode()).decode()
    host = urlsplit(state.ui_url or "").netloc
    connection = http.client.HTTPConnection(host, timeout=PATIENCE)
    try:
        headers = {"Authorization": f"Basic {basic}"}
        connection.request("GET", f"/api/flow_runs/{flow_run}", headers=headers)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return True
    finally:
        connection.close()
