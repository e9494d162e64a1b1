"""Attesting: what witnesses and time-stamping authorities say of the log's checkpoints, and a witness of our own."""

DEVELOPMENT_STAMPS = "development"
"""In place of an authority's address: the server stamps for itself."""
