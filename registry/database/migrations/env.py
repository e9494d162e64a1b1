"""Alembic's environment: runs the migrations on the connection that the store hands over."""

from alembic import context
from sqlmodel import SQLModel

from registry.database import tables  # noqa: F401  (fills the metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
)
context.run_migrations()
