"""A C2SP witness for other logs: a small application of its own, with its own folder, key and settings."""
