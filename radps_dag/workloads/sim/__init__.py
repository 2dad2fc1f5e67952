"""The sim library: the placeholders' tasks done for real, on simulated visibilities."""
