"""Migrations: how a store's tables came to be, applied in-process when it is opened (alembic)."""
