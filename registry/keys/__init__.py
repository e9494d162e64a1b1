"""Keys: those of the service, in files, on tokens or behind programs; and those of the publishers."""
