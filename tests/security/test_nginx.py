"""`deploy/nginx.conf` with Debian's nginx in front of a service: TLS, and whose address counts."""

import json
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path

import pytest

from tests.patience import HUNG_SECONDS, eventually
from tests.security.test_connections import counted
from tests.served import ROOT, Served, served
from tests.tls import self_signed

pytestmark = [pytest.mark.timing, pytest.mark.nginx]

NAME = "countermark.example"
CLIENT, OTHER, PROXY = "127.0.0.5", "127.0.0.6", "127.0.0.1"
FORGED = "203.0.113.66"


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return int(server.getsockname()[1])


@dataclass
class Proxied:
    server: Served
    plain: int
    tls: int
    certificate: Path

    def connect(self, address: str = CLIENT) -> ssl.SSLSocket:
        context = ssl.create_default_context(cafile=str(self.certificate))
        connection = socket.create_connection(("127.0.0.1", self.tls), HUNG_SECONDS, (address, 0))
        return context.wrap_socket(connection, server_hostname=NAME)

    def addresses(self) -> list[str]:
        """Of the requests for /livez, as the service has logged them."""
        lines = [json.loads(line) for line in self.server.log.read_text().splitlines() if line.startswith("{")]
        return [str(line["client"]) for line in lines if line.get("route") == "/livez" and "client" in line]


def ask(connection: socket.socket, head: str = "") -> HTTPResponse:
    connection.sendall(f"GET /livez HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n{head}\r\n".encode())
    response = HTTPResponse(connection)
    response.begin()
    return response


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory, nginx: str) -> Iterator[Proxied]:
    folder = tmp_path_factory.mktemp("nginx")
    self_signed(folder, NAME)
    settings = {
        "trusted_proxies": PROXY,
        "log_client_addresses": "true",
        "public_url": f"https://{NAME}",
        "verification_rate": "100000/minute",
    }
    with served(folder, **settings) as server:
        server.wait()
        plain, tls = free_port(), free_port()
        site = (ROOT / "deploy/nginx.conf").read_text()
        for written, here in (
            ("listen 80;", f"listen 127.0.0.1:{plain};"),
            ("listen 443 ssl", f"listen 127.0.0.1:{tls} ssl"),
            ("127.0.0.1:8000;", f"127.0.0.1:{server.port};"),
            ("/etc/countermark/tls", str(folder)),
        ):
            assert written in site
            site = site.replace(written, here)
        (folder / "site.conf").write_text(site)
        (folder / "nginx.conf").write_text(
            f"daemon off; master_process off; pid {folder}/pid; error_log stderr warn;\n"
            "events { worker_connections 1024; }\n"
            f"http {{ access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;\n"
            f"fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n"
            f"include {folder}/site.conf; }}\n"
        )
        command = [nginx, "-e", "stderr", "-c", str(folder / "nginx.conf")]
        with (folder / "log").open("wb") as log, subprocess.Popen(command, stderr=log) as process:
            try:
                eventually(lambda: process.poll() is not None or is_open(tls))
                assert process.poll() is None, (folder / "log").read_text()
                yield Proxied(server, plain, tls, folder / "fullchain.pem")
            finally:
                process.terminate()


def is_open(port: int) -> bool:
    with suppress(OSError), closing(socket.create_connection(("127.0.0.1", port), HUNG_SECONDS)):
        return True
    return False


def test_https_is_served_and_http_leads_to_it(proxied: Proxied) -> None:
    with proxied.connect() as connection:
        response = ask(connection)
        assert (response.status, connection.version()) == (200, "TLSv1.3")
        assert response.headers["strict-transport-security"]
    with socket.create_connection(("127.0.0.1", proxied.plain), HUNG_SECONDS) as connection:
        response = ask(connection)
        assert (response.status, response.headers["location"]) == (308, f"https://{NAME}/livez")


def test_the_address_that_counts_is_the_one_that_the_proxy_saw(proxied: Proxied) -> None:
    forged = f"X-Forwarded-For: {FORGED}\r\nForwarded: for={FORGED}\r\nX-Real-IP: {FORGED}\r\n"
    with proxied.connect(CLIENT) as connection:
        assert ask(connection, forged).status == 200
    eventually(lambda: CLIENT in proxied.addresses())
    assert FORGED not in proxied.addresses()


def test_who_goes_past_the_proxy_is_not_believed(proxied: Proxied) -> None:
    with socket.create_connection(("127.0.0.1", proxied.server.port), HUNG_SECONDS, (OTHER, 0)) as connection:
        assert ask(connection, f"X-Forwarded-For: {FORGED}\r\n").status == 200
    eventually(lambda: OTHER in proxied.addresses())
    assert FORGED not in proxied.addresses()


def test_bodies_that_drip_through_the_proxy_are_counted_for_their_client(proxied: Proxied) -> None:
    before = counted(proxied.server, "bodies_of_an_address")
    with ExitStack() as held:
        for _ in range(50):
            connection = held.enter_context(proxied.connect(CLIENT))
            connection.sendall(
                f"POST /v1/verifications HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: 1000\r\n\r\nx".encode()
            )
        eventually(lambda: counted(proxied.server, "bodies_of_an_address") > before)
        with proxied.connect(OTHER) as connection:
            assert ask(connection).status == 200
