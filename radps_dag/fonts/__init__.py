"""Lettering of pictures: fonts, how wide a text is in them, and SVG with them to PNG."""
