"""The store: one database behind one writer in each process. All SQL of the project is in this folder.

`Store` opens the database and owns the transactions; the other modules are functions over one table each. They take a
session and never commit: `Store.write` does, for all jobs that were waiting at once.
"""

from sqlmodel import Session

from registry.database.engine import Store
from registry.database.tables import Asset, Entry, PublisherKeyRow, SealedAsset

__all__ = ["Asset", "Entry", "PublisherKeyRow", "SealedAsset", "Session", "Store"]
