"""A run to a report that people keep: journal and products to pages that open anywhere."""
