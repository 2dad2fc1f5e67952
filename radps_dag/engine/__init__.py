"""The engine: runs a graph. Those of its modules that import Prefect do so when a run begins."""
