"""Whether the service on this machine is ready: exit status 0 or 1. For the health check of the container."""

import os
import sys
from urllib.error import URLError
from urllib.request import urlopen

SECONDS = 8.0

try:
    with urlopen(f"http://127.0.0.1:{os.environ.get('COUNTERMARK_PORT', '8000')}/readyz", timeout=SECONDS) as answer:
        sys.exit(answer.status != 200)
except (URLError, OSError) as error:
    sys.exit(str(error))
