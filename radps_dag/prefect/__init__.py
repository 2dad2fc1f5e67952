"""Prefect: pipelines as its flows, calls as its tasks, and a local server with its page."""
