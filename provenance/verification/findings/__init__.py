"""The findings of each axis, with their sentences; a module each."""
