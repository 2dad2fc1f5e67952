"""Stores on disk: visibilities, caltables, images, records, each a product by reference."""
