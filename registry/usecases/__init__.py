"""The use cases: registering, verifying, disputing, erasing, and everything else that a request can ask for."""
