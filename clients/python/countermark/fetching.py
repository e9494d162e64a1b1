"""Fetching what strangers name, such as the addresses in an audit's list.

The one place of the client that opens connections to hosts that its user did not name. Each address, that of a redirect
too, is read by `provenance.addresses`; its host is resolved once, every address of the host must be public, and the
connection goes to one of these. No proxy, cookie, credential or certificate of the environment is used.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

import anyio
import anyio.to_thread
import httpx2

from countermark.connection import FAILURES
from provenance import __version__
from provenance.addresses import PORTS, WebAddress, check_addresses
from provenance.errors import AddressRefused, FetchFailed, FetchTooLarge
from provenance.limits import MAX_MEDIA_BYTES

FETCH_SECONDS = 60.0
"""Seconds of one fetch, from the first look-up of a name to the last byte, redirects included: 50 MiB at 7 Mbit/s."""

MAX_REDIRECTS = 5
"""Redirects of one fetch: from a short link to https, to a canonical host, and to a picture."""

MAX_CONNECTIONS_TRIED = 4
"""Addresses of one host that are tried, one after another."""

_REDIRECTS = {301, 302, 303, 307, 308}

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The network addresses of a host. Raises OSError."""

Check = Callable[[str, Sequence[str]], Sequence[IPv4Address | IPv6Address]]


@dataclass(frozen=True)
class Fetched:
    """What was found at an address.

    Attributes:
        url: where it was, after redirects.
        data: the bytes.
        media_type: what the server calls them, which says nothing about them; empty if it does not.
    """

    url: str
    data: bytes
    media_type: str


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a host, as this machine resolves its name. Raises OSError."""
    found = await anyio.to_thread.run_sync(
        lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM), abandon_on_cancel=True
    )
    return list(dict.fromkeys(str(each[4][0]) for each in found))


class Fetcher:
    """Fetches public addresses, and no others. It keeps nothing between two fetches, and is thread-safe.

    Args:
        max_bytes: of an answer.
        seconds: see `FETCH_SECONDS`.
        max_redirects: see `MAX_REDIRECTS`.
        ports: that may be connected to.
        resolve: finds the addresses of a host.
        check: which of them may be connected to. Raises AddressRefused.
    """

    def __init__(
        self,
        *,
        max_bytes: int = MAX_MEDIA_BYTES,
        seconds: float = FETCH_SECONDS,
        max_redirects: int = MAX_REDIRECTS,
        ports: Collection[int] = PORTS,
        resolve: Resolve = resolve,
        check: Check = check_addresses,
    ) -> None:
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._max_redirects = max_redirects
        self._ports = ports
        self._resolve = resolve
        self._check = check

    def fetch(self, url: str) -> Fetched:
        """As `fetch_async`, for callers with or without an event loop."""
        with ThreadPoolExecutor(1) as alone:
            return alone.submit(asyncio.run, self.fetch_async(url)).result()

    async def fetch_async(self, url: str) -> Fetched:
        """What is at an http or https address.

        Raises:
            AddressRefused: the address, or one that it redirects to, must not be fetched.
            FetchFailed: no connection; another status than 200; too many bytes, redirects or seconds.
        """
        try:
            with anyio.fail_after(self._seconds):
                address = WebAddress.parse(url, self._ports)
                for _ in range(self._max_redirects + 1):
                    found = await self._ask(address)
                    if isinstance(found, Fetched):
                        return found
                    address = found
        except TimeoutError as error:
            raise FetchFailed(f"it took more than {self._seconds:g} seconds") from error
        except FAILURES as error:
            raise FetchFailed(f"it cannot be fetched: {str(error) or type(error).__name__}") from error
        raise FetchFailed(f"it redirects more than {self._max_redirects} times")

    async def _ask(self, address: WebAddress) -> Fetched | WebAddress:
        """One request: what is there, or where it redirects to."""
        addresses = self._check(address.host, await self._resolve(address.host, address.port))
        failure: Exception | None = None
        for each in addresses[:MAX_CONNECTIONS_TRIED]:
            try:
                return await self._ask_at(address, each)
            except httpx2.ConnectError as error:
                failure = error
        raise FetchFailed(f"{address.host} cannot be reached: {failure}") from failure

    async def _ask_at(self, address: WebAddress, at: IPv4Address | IPv6Address) -> Fetched | WebAddress:
        place = f"[{at}]" if at.version == 6 else str(at)
        async with (
            httpx2.AsyncClient(trust_env=False, follow_redirects=False, timeout=self._seconds) as http,
            http.stream(
                "GET",
                f"{address.scheme}://{place}:{address.port}{address.target}",
                headers={
                    "Host": address.authority,
                    "User-Agent": f"countermark-python/{__version__}",
                    "Accept-Encoding": "identity",
                },
                extensions={"sni_hostname": address.host},  # whom the certificate has to name, too
            ) as response,
        ):
            peer = response.extensions["network_stream"].get_extra_info("server_addr")
            if peer is None or peer[0].partition("%")[0] != str(at):
                raise AddressRefused(f"{address.host} was checked at {at}, and another address answered")
            if response.status_code in _REDIRECTS and "location" in response.headers:
                return address.follow(response.headers["location"], self._ports)
            if response.status_code != 200:
                raise FetchFailed(f"{address.host} answers with status {response.status_code}")
            if response.headers.get("content-encoding", "identity").lower() != "identity":
                raise FetchFailed(f"{address.host} compresses what was asked for uncompressed")
            data = bytearray()
            async for part in response.aiter_raw():
                data += part
                if len(data) > self._max_bytes:
                    raise FetchTooLarge(f"it has more than the {self._max_bytes:,} bytes that are read")
            return Fetched(str(address), bytes(data), response.headers.get("content-type", ""))
