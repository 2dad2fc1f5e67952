"""Observations as they never were: array, sky, atmosphere, receivers, noise, interference."""
