"""Domain functions of the calibration: gains from visibilities, and visibilities without them."""
