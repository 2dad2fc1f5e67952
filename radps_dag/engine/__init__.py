"""The engine: runs a graph. Only `prefect_tracker` and `session` import Prefect, and late."""
