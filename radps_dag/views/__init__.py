"""The journal to what a person or a program asks of runs: which there are, how they stand, why."""
