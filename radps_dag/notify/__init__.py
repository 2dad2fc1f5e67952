"""What a run announces to others: a webhook, a file."""
