"""A C2SP witness for other logs: a separate application, with its own folder, key and settings."""
