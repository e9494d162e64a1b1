"""Upkeep: what an operator does to a whole log and its store: check, copy, restore, move, re-index, re-key, end."""
