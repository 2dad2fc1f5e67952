"""Announcements of a run to others: a webhook, a file."""
