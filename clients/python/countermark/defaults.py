"""Defaults: what a client does when it is not told otherwise."""

DEFAULT_URL = "http://127.0.0.1:8000"

DEFAULT_TIMEOUT = 60.0
"""Seconds: a 50 MB picture takes a registry a few; a slow line is covered because the limit is per read and write."""

DEFAULT_RETRIES = 2

DEFAULT_FILE_SECONDS = 60.0
"""Seconds for a whole file of a log: the largest, a bundle of 16 MB, needs a line of 2 Mbit/s; ours have 50 KB."""

DEFAULT_INTERVAL = 60.0
"""Seconds between two looks at a log: an entry that somebody else made is noticed within about a minute."""

DEFAULT_GRACE = 5.0
"""Seconds that the receipt of an entry may come later than the entry: a client saves it when the log has published."""
