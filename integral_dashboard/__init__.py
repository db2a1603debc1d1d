"""The importable name for notebooks."""
