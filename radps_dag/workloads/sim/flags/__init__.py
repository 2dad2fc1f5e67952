"""What only the data show to be bad."""
