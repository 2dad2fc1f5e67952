"""From a request to a run and to its end: the one place where all parts meet."""
