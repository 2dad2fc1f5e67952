"""Flags that only the data can tell."""
