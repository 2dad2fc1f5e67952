"""Pictures of what workloads make."""
