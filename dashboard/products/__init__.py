"""Products as values: what a dispatcher computed, with where it came from."""
