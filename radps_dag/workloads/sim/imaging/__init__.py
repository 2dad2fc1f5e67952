"""Imaging: visibilities to images and back, and lines told from continuum. Arrays in, arrays out.

Fields are small, so that w is left out: the phase it would add is at most
pi w (l^2 + m^2) nu / c, 0.003 rad for 600 m, 230 GHz and a source 9 arcsec from the centre.
"""
