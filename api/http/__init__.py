"""HTTP around the routes: what a request may be, and the form of its answer."""
