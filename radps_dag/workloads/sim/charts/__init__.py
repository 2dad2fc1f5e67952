"""Plots of images, spectra and solutions, by matplotlib.

Each function takes arrays or what holds them, and returns a `matplotlib.figure.Figure`, which a
notebook shows; `encoded` makes PNG or PDF of it.
"""
