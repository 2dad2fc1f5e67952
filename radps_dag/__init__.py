"""Radio-astronomy pipelines as one page of validated YAML, run by Prefect."""

__version__ = "0.1.0"
