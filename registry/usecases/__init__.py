"""Records: everything that can be put on record, from a request to its entry in the log."""
