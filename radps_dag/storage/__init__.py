"""Where data lie: files, object stores, links and locks."""
