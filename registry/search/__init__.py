"""Search: which registrations may be copies of a picture. Every index can be rebuilt from the records."""
