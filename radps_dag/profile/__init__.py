"""`radps-dag.toml` to what belongs to a site or a project, and not to the science.

library = "placeholder"
workloads = ["my_workloads.py"]     # beside this file or below it
executor = "cluster"                # as `radps-dag executors` lists them
max_parallel = 8
memory = "64GB"                     # that calls may ask for, all together
gpus = 2
prefect_api_url = "http://127.0.0.1:4200/api"
store = "postgresql://host/radps"    # of the journal
products = "s3://bucket/radps"       # root of what workloads make

[executors.cluster]                  # an executor of this site, by the name that runs give
kind = "dask"
scheduler = "tcp://127.0.0.1:8786"

[containers]                         # for tools that have an image
engine = "podman"                    # or docker, apptainer
fallback = true                      # the program of the machine, where engine or image are missing

[events]                             # what runs announce
webhook = "https://site.example/radps"
secret_env = "RADPS_SECRET"          # the variable with what the webhook is signed with
file = "events.jsonl"                # beside this file

[prefect]                            # how its page shows a run
subflow_depth = 1                    # groups down to this depth are subflows: 1 is stages

[nodes."**/clean"]                   # of a site, over what the pipeline says, by place
timeout = "6h"
resources = {cpus = 8, memory = "64GB", walltime = "5h"}

[params]                             # where a pipeline has params of these names
niter = 200

[thresholds]                         # of QA, by place, for all metrics there or for one
"**/clean" = {warn_below = 0.8, alert_below = 0.5}
"import_*/**" = {flagged = {alert_below = 0.4}}
"""

from __future__ import annotations

from radps_dag.profile.finding import FILE_NAME, find_profile, load_profile
from radps_dag.profile.model import Events, PrefectPage, Profile

__all__ = [
    "FILE_NAME",
    "Events",
    "PrefectPage",
    "Profile",
    "find_profile",
    "load_profile",
]
