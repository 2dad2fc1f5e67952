"""What the telescope knows itself: online flags, positions, system temperatures, radiometers."""
