"""What a workload is: declared, described, found, known by its code; what it may give."""
