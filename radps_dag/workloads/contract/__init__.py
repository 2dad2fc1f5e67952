"""Contract of a workload: declared, described, found, known by its code."""
