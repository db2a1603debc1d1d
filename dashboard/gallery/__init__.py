"""Products of a run in MMODA's public gallery: what would be published, publishing it, and what was published."""
