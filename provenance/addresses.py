"""Web addresses that strangers name: which of them may be fetched, and from which network addresses.

Rules without I/O; `countermark.fetching` applies them. One parser reads an address, and the request is made of what it
read, so that no second parser can see another host. A host that ends in a number must be an IPv4 address in its one
common form (the URL standard's other spellings, such as 127.1 or 0x7f000001, are refused). What may be connected to is
what the IANA special-purpose registries of IPv4 and IPv6 (RFC 6890, 2026) leave as globally reachable.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Self
from urllib.parse import quote, urljoin, urlsplit

from provenance.errors import AddressRefused

PORTS = frozenset({80, 443})
"""The ports of the web: on others an HTTP request can act upon a service that is none of the web's."""

MAX_ADDRESS_CHARACTERS = 2_048
"""Characters of a web address: browsers and sitemaps take as many."""

_STANDARD = {"http": 80, "https": 443}
_NAME = re.compile(r"(?=.{1,253}\Z)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.?")
_NUMBER = re.compile(r"(\d+|0x[0-9a-f]*)\.?")
_KEPT = "!#$%&'()*+,/:;=?@[]~"  # of a path and query: all that has a meaning there, and what is quoted already

_NOT_PUBLIC_V4 = tuple(
    IPv4Network(each)
    for each in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        "168.63.129.16/32",  # of Azure's hosts: reached from inside alone, and not registered
    )
)
_PUBLIC_V6 = IPv6Network("2000::/3")
"""What IANA has given out: everything else, IPv4 in IPv6 and NAT64 among it, is local, reserved or a translation."""

_NOT_PUBLIC_V6 = tuple(
    IPv6Network(each)
    for each in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3ffe::/16", "3fff::/20")
)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is globally reachable, and leads to no other one (6to4, Teredo, IPv4 in IPv6)."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_V4)
    if address.scope_id is not None:
        return False
    return address in _PUBLIC_V6 and not any(address in network for network in _NOT_PUBLIC_V6)


@dataclass(frozen=True)
class WebAddress:
    """An http or https address.

    Attributes:
        scheme: "http" or "https".
        host: a name in lowercase ASCII, or an IP address without brackets.
        port: 80 or 443, unless others are allowed.
        target: path and query, as they are requested.
    """

    scheme: str
    host: str
    port: int
    target: str

    @classmethod
    def parse(cls, text: str, ports: Collection[int] = PORTS) -> Self:
        """The address that a text spells. Raises AddressRefused."""
        if len(text) > MAX_ADDRESS_CHARACTERS:
            raise AddressRefused(f"the address has more than {MAX_ADDRESS_CHARACTERS} characters")
        if any(each <= " " or each == "\\" or "\x7f" <= each <= "\xa0" for each in text):
            raise AddressRefused("the address has white space, a control character or a backslash")
        try:
            parts = urlsplit(text)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise AddressRefused(f"the address is malformed: {error}") from error
        if parts.scheme not in _STANDARD:
            raise AddressRefused("the address does not begin with http:// or https://")
        if "@" in parts.netloc:
            raise AddressRefused("the address has a user name or password")
        if not host:
            raise AddressRefused("the address has no host")
        port = _STANDARD[parts.scheme] if port is None else port
        if port not in ports:
            raise AddressRefused(f"port {port} is not one of {', '.join(map(str, sorted(ports)))}")
        query = f"?{parts.query}" if parts.query else ""
        return cls(parts.scheme, _host(host, "[" in parts.netloc), port, quote(f"{parts.path or '/'}{query}", _KEPT))

    def follow(self, location: str, ports: Collection[int] = PORTS) -> Self:
        """The address that a redirect leads to. Raises AddressRefused, also if it leaves https."""
        target = self.parse(urljoin(str(self), location), ports)
        if self.scheme == "https" and target.scheme != "https":
            raise AddressRefused("a redirect leads from https to http")
        return target

    @property
    def authority(self) -> str:
        """Host and port, as the Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _STANDARD[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


def check_addresses(host: str, found: Iterable[str]) -> Sequence[IPv4Address | IPv6Address]:
    """The network addresses of a host, if all are public: of a host with a private one too, none is used.

    Raises AddressRefused.
    """
    addresses = [_network_address(each) for each in found]
    if not addresses:
        raise AddressRefused(f"{host} has no address")
    for each in addresses:
        if not is_public(each):
            raise AddressRefused(f"{host} is at {each}, which is not on the public internet")
    return addresses


def _network_address(text: str) -> IPv4Address | IPv6Address:
    try:
        return ip_address(text)
    except ValueError as error:
        raise AddressRefused(f"{text!r} is not a network address") from error


def _host(host: str, bracketed: bool) -> str:
    try:
        if bracketed:
            return str(IPv6Address(host))
        if _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
            return str(IPv4Address(host))
    except ValueError as error:
        raise AddressRefused(f"{host} is not an IP address in its common form") from error
    if not host.isascii():
        raise AddressRefused(f"{host} is not in ASCII: an international name is written with xn--")
    if not _NAME.fullmatch(host):
        raise AddressRefused(f"{host} is not the name of a host")
    return host
