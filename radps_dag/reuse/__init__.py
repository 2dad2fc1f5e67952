"""What need not be made again: keys of calls, earlier results, and whether they still hold."""
