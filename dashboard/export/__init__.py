"""Files one takes home."""
