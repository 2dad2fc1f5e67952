"""Pictures of images, solutions and spectra: SVG by our own hand, to PNG with our own fonts."""
