"""Reuse of results: keys of calls, earlier results, and whether they still hold."""
