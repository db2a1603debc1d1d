"""Alembic's entry: runs within the connection and transaction of `dashboard.runs.upgrade`."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
