"""Default values of options."""

DEFAULT_URL = "http://127.0.0.1:8000"

DEFAULT_TIMEOUT = 60.0
"""Seconds for each connect, read and write: registering a 50 MB picture takes a few; slow connections are covered."""

DEFAULT_RETRIES = 2

DEFAULT_MAX_WAIT = 120.0
"""Seconds that a call waits because the service asks for it (`Retry-After`, `RateLimit`)."""

DEFAULT_FILE_SECONDS = 60.0
"""Seconds for one file of a log: the largest bundle, 16 MB, needs 2 Mbit/s; Countermark's have 50 KB."""

DEFAULT_INTERVAL = 60.0
"""Seconds between two checks of a log: a foreign entry is noticed within about a minute."""

DEFAULT_GRACE = 5.0
"""Seconds between an entry and its receipt: a client saves the receipt after the log has published the entry."""
