"""The journal: what happened in the runs of a workspace, durable before anything depends on it."""
