"""Attestation: cosignatures and time-stamp tokens for the log's checkpoints, and a witness for other logs."""

DEVELOPMENT_STAMPS = "development"
"""In place of an authority's URL: the server stamps its own checkpoints."""
