"""Tasks of CASA as programs: what the tool files of the CASA recipe call.

They need the Python standard library, CASA and nothing else, so that CASA may have an environment
of its own.
"""
