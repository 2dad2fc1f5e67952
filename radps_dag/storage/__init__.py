"""Storage: files, object stores, links and locks."""
