"""A store as one HTML page of at most 10 MB, and the same numbers as JSON."""
