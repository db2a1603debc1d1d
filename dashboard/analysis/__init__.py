"""What is read off a combined product: sources, photometry, widths."""
