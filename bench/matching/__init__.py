"""`make bench-matching`: whether altered copies lead back to their record, and nothing else does."""
