"""Addresses: pictures fetched over HTTP(S) from the auditor's machine, bounded in bytes, time and redirects.

Whoever wrote the list of addresses may want this machine to ask what only it can reach. So a host is resolved here,
each of its addresses has to be public, and the connection goes to the one that was looked at.
"""

import io
import ipaddress
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2

from countermark.audit.items import why
from provenance import __version__
from provenance.errors import InvalidRequest

MAX_REDIRECTS = 5
FETCH_SECONDS = 30.0
"""Seconds for one picture, redirects included."""
STEP_SECONDS = 10.0
"""Seconds for connecting, and between two reads."""


@contextmanager
def fetch(address: str, *, private: bool, limit: int) -> Iterator[io.BytesIO]:
    """The body at an address; one byte more than `limit` at most.

    Args:
        private: also from private networks and this machine.

    Raises:
        InvalidRequest: it cannot be had, or must not.
    """
    deadline = time.monotonic() + FETCH_SECONDS
    try:
        with httpx2.Client(timeout=STEP_SECONDS, trust_env=False) as http:
            yield io.BytesIO(_follow(http, httpx2.URL(address), private, limit, deadline))
    except (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL, OSError, UnicodeError) as error:
        raise InvalidRequest(f"it could not be fetched: {why(error)}") from error


def _follow(http: httpx2.Client, url: httpx2.URL, private: bool, limit: int, deadline: float) -> bytes:
    for _ in range(MAX_REDIRECTS + 1):
        with http.stream("GET", **_checked(url, private)) as response:  # type: ignore[arg-type]
            if response.has_redirect_location:
                url = url.join(response.headers["location"])
                continue
            if not response.is_success:
                raise InvalidRequest(f"it could not be fetched: status {response.status_code}")
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > limit:
                    return bytes(body[: limit + 1])
                if time.monotonic() > deadline:
                    raise InvalidRequest(f"it was not fetched within {FETCH_SECONDS:.0f} seconds")
            return bytes(body)
    raise InvalidRequest(f"it could not be fetched: more than {MAX_REDIRECTS} redirects")


def _checked(url: httpx2.URL, private: bool) -> dict[str, object]:
    """The arguments of a request to the very address that was looked at. Raises InvalidRequest."""
    if url.scheme not in ("http", "https") or not url.host:
        raise InvalidRequest("only http and https addresses are fetched")
    found = socket.getaddrinfo(url.host, url.port or (443 if url.scheme == "https" else 80), type=socket.SOCK_STREAM)
    numbers = [str(entry[4][0]).partition("%")[0] for entry in found]
    if not private and not all(_is_public(number) for number in numbers):
        raise InvalidRequest("its host is in a private network: such are fetched with --private-networks only")
    headers = {
        "Host": url.netloc.decode("ascii"),
        "User-Agent": f"countermark-python/{__version__}",
        "Accept": "image/*",
    }
    return {"url": url.copy_with(host=numbers[0]), "headers": headers, "extensions": {"sni_hostname": url.host}}


def _is_public(number: str) -> bool:
    address = ipaddress.ip_address(number)
    inside = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None)
    return address.is_global and not address.is_multicast and (inside is None or _is_public(str(inside)))
