"""Defaults: what a client does when it is not told otherwise."""

VERSION = "0.1.0"
"""As in pyproject.toml; it is sent with each request."""

DEFAULT_URL = "http://127.0.0.1:8000"

DEFAULT_TIMEOUT = 60.0
"""Seconds: a 50 MB picture takes a registry a few; a slow line is covered because the limit is per read and write."""

DEFAULT_RETRIES = 2
