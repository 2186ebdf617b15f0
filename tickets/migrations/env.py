"""Alembic's entry: migrations always run on the connection `tickets.migrations.upgrade` was given."""

from alembic import context

import tickets.schema_told  # noqa: F401  # its tables stand on the same metadata
from tickets.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
