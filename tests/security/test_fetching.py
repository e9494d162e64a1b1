"""A stranger's address does not make this machine ask anything that is not on the public internet.

A canary listens on loopback. Each spelling is tried as the address itself and as what an honest server redirects to.
"""

import asyncio
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address, IPv6Address, ip_address

import httpx2
import pytest
from countermark.fetching import Fetched, Fetcher
from hypothesis import example, given
from hypothesis import strategies as st

from provenance.addresses import check_addresses, is_public
from provenance.errors import AddressRefused, FetchError, FetchFailed
from tests.patience import EXPIRING_SECONDS, HUNG_SECONDS

pytestmark = pytest.mark.timing

PUBLIC = "127.0.0.9"
"""What stands for an address on the public internet, of an honest server."""

SPELLINGS = (
    # The loopback address, as C libraries and browsers read it.
    *("127.0.0.1", "127.0.0.1.", "127.1", "127.0.1", "0x7f.1", "0x7f.0.0.1", "0x7f000001", "0X7F000001"),
    *(
        "2130706433",
        "2130706433.",
        "017700000001",
        "0177.0.0.1",
        "0177.1",
        "0177.0.0.01",
        "127.0.0.01",
        "127.000.000.001",
    ),
    *(
        "127.0.0.1.nip.io",
        "127.255.255.254",
        "127.127.127.127",
        "0",
        "0.0.0.0",
        "0.1",
        "00.0.0.0",
        "0x0",
        "00000000177.1",
    ),
    *("localhost", "LOCALHOST", "localhost.", "localhost.localdomain", "a.localhost", "ip6-localhost", "ip6-loopback"),
    # In IPv6.
    *("[::1]", "[0:0:0:0:0:0:0:1]", "[0000::0001]", "[::]", "[::127.0.0.1]", "[::7f00:1]", "[::ffff:127.0.0.1]"),
    *(
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:127.0.0.1]",
        "[::ffff:0:127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b:1::1]",
    ),
    *(
        "[2002:7f00:1::]",
        "[2001:0:7f00:1::]",
        "[fe80::1]",
        "[fe80::1%25lo]",
        "[::1%25lo]",
        "[fc00::1]",
        "[fec0::1]",
        "[ff02::1]",
    ),
    # In other alphabets, and hidden from one parser or another.
    *(
        "①②⑦.⓪.⓪.①",
        "１２７.０.０.１",
        "127。0。0。1",
        "ｌｏｃａｌｈｏｓｔ",
        "ⓛocalhost",
        "loc\u00adalhost",
        "127.0.0.1%2f",
        "%31%32%37.0.0.1",
    ),
    *("public.test@127.0.0.1", "127.0.0.1#@public.test", "public.test:80@127.0.0.1", "public.test\\@127.0.0.1"),
    *(
        "127.0.0.1\\@public.test",
        "127.0.0.1;public.test",
        "127.0.0.1\t",
        "127.0.0.1\r\nHost: public.test",
        " 127.0.0.1",
    ),
    *("private.test", "mixed.test", "mapped.test", "numbers.test", "translated.test"),
    # Other inner networks, and the metadata of clouds.
    *("10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "0xa9fea9fe", "2852039166", "[fd00:ec2::254]"),
    *("100.100.100.200", "168.63.129.16", "192.0.0.192", "198.18.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1"),
)

NAMES = {
    "public.test": [PUBLIC],
    "private.test": ["127.0.0.1"],
    "mixed.test": [PUBLIC, "127.0.0.1"],
    "mapped.test": ["::ffff:127.0.0.1"],
    "numbers.test": ["2130706433"],
    "translated.test": ["64:ff9b::7f00:1"],
    "127.0.0.1.nip.io": ["127.0.0.1"],
    "a.localhost": ["127.0.0.1"],
    "localhost.localdomain": ["127.0.0.1"],
}


@dataclass
class Host:
    """A server that answers as its path says, and notes who asked."""

    server: ThreadingHTTPServer
    asked: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])


@contextmanager
def hosting(address: str, port: int = 0) -> Iterator[Host]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            host.asked.append(self.headers.get("Host", ""))
            path, _, argument = self.path.partition("?")
            answers = {"/redirect": self.redirect, "/drip": self.drip, "/drip-head": self.drip_head}
            answers.get(path, self.give)(argument)

        def give(self, argument: str) -> None:
            body = b"x" * int(argument or 3)
            self.send_response(404 if self.path.startswith("/missing") else 200)
            self.send_header("Content-Type", "image/png")
            if self.path.startswith("/compressed"):
                self.send_header("Content-Encoding", "gzip")
            if not self.path.startswith("/endless"):
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(body)
                while self.path.startswith("/endless"):
                    self.wfile.write(body)

        def redirect(self, argument: str) -> None:
            self.send_response(302)
            self.send_header("Location", bytes.fromhex(argument).decode("utf-8").encode("utf-8").decode("latin-1"))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def drip(self, _: str) -> None:
            self.send_response(200)
            self.end_headers()
            self.drip_on()

        def drip_head(self, _: str) -> None:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
            self.drip_on()

        def drip_on(self) -> None:
            with suppress(OSError):
                while not stopped.wait(EXPIRING_SECONDS / 10):
                    self.wfile.write(b"x")
                    self.wfile.flush()

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        daemon_threads = True
        request_queue_size = 256

    stopped = threading.Event()
    host = Host(Server((address, port), Handler))
    thread = threading.Thread(target=host.server.serve_forever)
    thread.start()
    try:
        yield host
    finally:
        stopped.set()
        host.server.shutdown()
        host.server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def honest() -> Iterator[Host]:
    with hosting(PUBLIC) as host:
        yield host


@pytest.fixture(scope="module")
def canaries(honest: Host) -> Iterator[Sequence[Host]]:
    """What must not be asked: the same port on this machine's other addresses."""
    with hosting("127.0.0.1", honest.port) as first:
        try:
            with hosting("::1", honest.port) as second:
                yield first, second
        except OSError:  # a machine without IPv6
            yield (first,)


def check(host: str, found: Sequence[str]) -> Sequence[IPv4Address | IPv6Address]:
    """As `check_addresses`, where one address of loopback is public."""
    check_addresses(host, [each for each in found if each != PUBLIC] or ["1.1.1.1"])
    return [ip_address(each) for each in found]


async def resolve(host: str, port: int) -> Sequence[str]:
    """The names of these tests; everything else as this machine resolves it, without asking others."""
    if host in NAMES:
        return NAMES[host]
    found = await asyncio.get_running_loop().getaddrinfo(
        host, port, flags=0 if "localhost" in host else socket.AI_NUMERICHOST
    )
    return [str(each[4][0]) for each in found]


def fetcher(port: int, **given: object) -> Fetcher:
    return Fetcher(**({"seconds": HUNG_SECONDS, "ports": {port}, "resolve": resolve, "check": check} | given))  # type: ignore[arg-type]


def test_there_are_sixty_spellings() -> None:
    assert len(set(SPELLINGS)) >= 60


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("way", ["direct", "redirected"])
def test_no_spelling_reaches_this_machine(honest: Host, canaries: Sequence[Host], spelling: str, way: str) -> None:
    for scheme in ("http", "https"):
        url = f"{scheme}://{spelling}:{honest.port}/secret"
        if way == "redirected":
            url = f"http://public.test:{honest.port}/redirect?{url.encode().hex()}"
        with pytest.raises(FetchError):
            fetcher(honest.port).fetch(url)
    assert [each.asked for each in canaries] == [[]] * len(canaries)


def test_a_plain_client_reaches_it_by_several_spellings(honest: Host) -> None:
    """So that the canary is seen to listen, and the spellings to spell something."""
    reached = []
    with hosting("127.0.0.1") as canary, httpx2.Client(trust_env=False, timeout=EXPIRING_SECONDS) as plain:
        for spelling in SPELLINGS:
            before = len(canary.asked)
            with suppress(Exception):
                plain.get(f"http://{spelling}:{canary.port}/secret")
            if len(canary.asked) > before:
                reached.append(spelling)
    assert len(reached) >= 7, reached


@pytest.mark.parametrize(
    "url",
    [
        *(
            "file:///etc/passwd",
            "ftp://public.test/",
            "gopher://public.test/",
            "data:,x",
            "//public.test/",
            "public.test",
        ),
        *("http:///x", "http://", "", "http:public.test", "HTTP://public.test:22/", "http://public.test:99999/"),
        *(
            "http://public.test:0/",
            "http://[::1/",
            "http://[v1.x]/",
            f"http://public.test/{'x' * 3000}",
            "http://-a.test/",
        ),
        *(
            "http://a..test/",
            f"http://{'a' * 64}.test/",
            "jar:http://public.test!/",
            "javascript:alert(1)",
            "unix:/tmp/socket",
        ),
    ],
)
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        Fetcher(check=check, resolve=resolve).fetch(url)


def test_a_public_address_is_fetched_with_and_without_an_event_loop(honest: Host) -> None:
    url = f"http://public.test:{honest.port}/a%20b?c=ä&d=%2f"
    expected = Fetched(f"http://public.test:{honest.port}/a%20b?c=%C3%A4&d=%2f", b"x" * 3, "image/png")
    with pytest.raises(FetchError):
        fetcher(honest.port).fetch(url.replace("public", "private"))
    expected = Fetched(f"http://public.test:{honest.port}/a%20b", b"x" * 3, "image/png")
    assert fetcher(honest.port).fetch(f"http://public.test:{honest.port}/a%20b") == expected

    async def run() -> tuple[Fetched, Fetched]:
        own = fetcher(honest.port)
        return await own.fetch_async(expected.url), own.fetch(expected.url)

    assert asyncio.run(run()) == (expected, expected)
    assert honest.asked[-1] == f"public.test:{honest.port}"


def test_a_name_that_leads_elsewhere_a_moment_later_is_asked_for_once(honest: Host, canaries: Sequence[Host]) -> None:
    answers: list[str] = []

    async def rebind(_host: str, _port: int) -> Sequence[str]:
        answers.append(PUBLIC if not answers else "127.0.0.1")
        return answers[-1:]

    assert fetcher(honest.port, resolve=rebind).fetch(f"http://changing.test:{honest.port}/").data == b"xxx"
    assert answers == [PUBLIC]
    again = f"http://changing.test:{honest.port}/redirect?{f'http://changing.test:{honest.port}/'.encode().hex()}"
    answers.clear()
    with pytest.raises(AddressRefused, match=r"is at 127\.0\.0\.1"):
        fetcher(honest.port, resolve=rebind).fetch(again)
    assert not any(each.asked for each in canaries)


def test_no_proxy_of_the_environment_is_used(
    honest: Host, canaries: Sequence[Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{honest.port}")
    assert fetcher(honest.port).fetch(f"http://public.test:{honest.port}/").data == b"xxx"
    assert not any(each.asked for each in canaries)


def test_redirects_are_followed_so_many_times_and_not_out_of_https(honest: Host) -> None:
    place = f"http://public.test:{honest.port}/"
    for _ in range(5):
        place = f"http://public.test:{honest.port}/redirect?{place.encode().hex()}"
    with pytest.raises(FetchFailed, match="more than 2 times"):
        fetcher(honest.port, max_redirects=2).fetch(place)
    assert fetcher(honest.port, max_redirects=2).fetch(f"http://public.test:{honest.port}/redirect?2f61").data == b"xxx"


def test_what_is_too_long_too_slow_compressed_or_missing_is_given_up(honest: Host) -> None:
    place = f"http://public.test:{honest.port}"
    small = fetcher(honest.port, max_bytes=1000)
    assert len(small.fetch(f"{place}/?1000").data) == 1000
    for path, words in (
        ("?1001", "more than the 1,000 bytes"),
        ("endless?1000", "more than the 1,000 bytes"),
        ("compressed", "compresses"),
        ("missing", "status 404"),
    ):
        with pytest.raises(FetchFailed, match=words):
            small.fetch(f"{place}/{path}")
    for path in ("drip", "drip-head"):
        with pytest.raises(FetchFailed, match=r"more than 0\.5 seconds"):
            fetcher(honest.port, seconds=EXPIRING_SECONDS).fetch(f"{place}/{path}")


def test_a_resolver_that_hangs_is_given_up(honest: Host) -> None:
    async def hang(_host: str, _port: int) -> Sequence[str]:
        await asyncio.sleep(HUNG_SECONDS)
        return []

    with pytest.raises(FetchFailed, match="seconds"):
        fetcher(honest.port, resolve=hang, seconds=EXPIRING_SECONDS).fetch(f"http://public.test:{honest.port}/")


@given(address=st.ip_addresses())
@example(address=IPv4Address("168.63.129.16"))
def test_what_is_not_globally_reachable_is_not_public(address: IPv4Address | IPv6Address) -> None:
    """Hypothesis draws them from IANA's registries of special purposes as well."""
    assert not is_public(address) or (address.is_global and str(address) != "168.63.129.16")


def test_of_a_name_with_a_private_address_beside_public_ones_none_is_used() -> None:
    for found in (["1.1.1.1", "10.0.0.1"], ["10.0.0.1", "1.1.1.1"], ["2606:4700::1111", "::1"]):
        with pytest.raises(AddressRefused, match=r"10\.0\.0\.1|::1"):
            check_addresses("mixed.test", found)


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "185.199.108.153", "2606:4700::1111", "2a00:1450:4001::1"])
def test_the_public_internet_is_public(address: str) -> None:
    assert is_public(ip_address(address))
