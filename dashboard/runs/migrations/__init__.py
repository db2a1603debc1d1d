"""How the run store's tables came to be: Alembic's scripts, run by `dashboard.runs.upgrade`."""
