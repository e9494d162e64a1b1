"""Maintenance of a whole log and its store: fsck, backup, restore, migration, index rebuild, key rotation, freeze."""
