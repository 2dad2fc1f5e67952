"""A-priori data of the telescope: online flags, positions, system temperatures, radiometers."""
