"""HTTP mechanics around the routes: limits on requests, and the form of responses."""
