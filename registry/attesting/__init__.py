"""Attesting: what witnesses and time-stamping authorities say of the log's checkpoints, and a witness of our own."""
