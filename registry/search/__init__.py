"""Search: which registrations may be copies of a picture. Every view of it can be made anew from the records."""
