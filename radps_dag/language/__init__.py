"""The language: bytes to a well-formed model, its expressions, and who waits for whom."""
