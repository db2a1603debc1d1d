"""Which science windows: names to positions, positions and times to pointings."""
