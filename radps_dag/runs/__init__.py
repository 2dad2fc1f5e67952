"""Request to finished run: the one place where all parts meet."""
