"""The commands of `python -m api`, a module for each group."""
