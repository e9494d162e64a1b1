"""Client: the service, from a program that waits for each answer."""

import random
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import httpx2

from countermark import calls, retries
from countermark.calls import Call, Reply
from countermark.connection import DEFAULT_TIMEOUT, DEFAULT_URL, build_request, headers_of, unreachable
from countermark.files import FileToSend, Progress
from countermark.models import Asset, Event, RegisteredAsset, Report, Withdrawal
from countermark.problems import exception_of

T = TypeVar("T")


class Client:
    """A Countermark service.

    Args:
        url: the service's address.
        api_key: needed to register and withdraw; reading and verifying are public.
        timeout: seconds that connecting, sending or waiting for the next bytes may take.
        max_retries: further tries after a failed connection or an answer that invites them.

    Every method raises exceptions of `countermark.CountermarkError`'s tree and no other; those that
    answer a request carry its `request_id`.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        api_key: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        max_retries: int = retries.DEFAULT_RETRIES,
    ) -> None:
        self._url, self._api_key, self._timeout, self._max_retries = url, api_key, timeout, max_retries
        self._http = httpx2.Client(base_url=url, headers=headers_of(api_key), timeout=timeout)

    def with_options(self, *, timeout: float | None = None, max_retries: int | None = None) -> "Client":
        """A second client of the same service with other patience. Close both."""
        return Client(
            self._url,
            api_key=self._api_key,
            timeout=self._timeout if timeout is None else timeout,
            max_retries=self._max_retries if max_retries is None else max_retries,
        )

    def register(
        self,
        file: Path | str | bytes,
        *,
        title: str | None = None,
        caption: str | None = None,
        credit: str | None = None,
        licence: str | None = None,
        digital_source_type: str | None = None,
        captured_at: datetime | None = None,
        credential: str = "embedded",
        publisher: str | None = None,
        progress: Progress | None = None,
    ) -> RegisteredAsset:
        """Register a picture; returns when its record is published in the log.

        Args:
            digital_source_type: term or IRI of the IPTC vocabulary, such as `digitalCapture`.
            credential: `embedded` (a signed copy is made), `sidecar` (the file stays as it is) or `none`.
            publisher: only with an administrator's key; otherwise the key's own.
        """
        to_send = FileToSend.of(file)
        sha256 = to_send.sha256()
        metadata = {
            "title": title,
            "caption": caption,
            "credit": credit,
            "licence": licence,
            "digital_source_type": digital_source_type,
            "captured_at": captured_at,
            "credential": credential,
            "publisher": publisher,
        }
        self._send(calls.upload(to_send, sha256, progress))
        return self._send(calls.register(sha256, metadata))

    def withdraw(self, asset_id: str, reason: str) -> Withdrawal:
        """Take a registration back; its record stays in the log."""
        return self._send(calls.withdraw(asset_id, reason))

    def verify(self, file: Path | str | bytes, *, progress: Progress | None = None) -> Report:
        """What is known about a picture. The report is kept under its id."""
        return self._send(calls.verify(FileToSend.of(file), progress))

    def verify_digests(self, sha256: str, *, pdq: tuple[str, int] | None = None) -> Report:
        """What is known about digests alone: nothing is uploaded. `pdq` is (hex, quality)."""
        return self._send(calls.verify_digests(sha256, pdq))

    def report(self, verification_id: str) -> Report:
        """A report that was made before."""
        return self._send(calls.report(verification_id))

    def difference(self, verification_id: str) -> bytes:
        """The overlay of a report: a PNG with transparency, in the shape of the verified picture."""
        return self._send(calls.difference(verification_id))

    def asset(self, asset_id: str) -> Asset:
        """One registered picture."""
        return self._send(calls.asset(asset_id))

    def assets(self, *, publisher: str | None = None, sha256: str | None = None) -> Iterator[Asset]:
        """Registered pictures, newest first, page by page as they are asked for."""
        cursor = None
        while True:
            page = self._send(calls.assets(publisher, sha256, cursor, 100))
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    def history(self, asset_id: str) -> tuple[Event, ...]:
        """What happened to a registered picture, in log order."""
        return self._send(calls.history(asset_id)).items

    def receipt(self, asset_id: str) -> bytes:
        """The `.countermark` file of a registered picture: verifiable with no service."""
        return self._send(calls.part(asset_id, "receipt"))

    def credentialed(self, asset_id: str) -> bytes:
        """The C2PA-signed copy of a registered picture."""
        return self._send(calls.part(asset_id, "credentialed"))

    def manifest(self, asset_id: str) -> bytes:
        """The C2PA manifest store of a registered picture: the sidecar."""
        return self._send(calls.part(asset_id, "manifest"))

    def thumbnail(self, asset_id: str) -> bytes:
        """A WebP of a registered picture, longest side 512 px."""
        return self._send(calls.part(asset_id, "thumbnail"))

    def record(self, record_id: str) -> bytes:
        """The canonical bytes of a record, by hex id or URN."""
        return self._send(calls.record(record_id))

    def ready(self) -> None:
        """Return when the service can register and verify; raise otherwise."""
        self._send(calls.ready())

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _send(self, call: Call[T]) -> T:
        for attempt in range(1, self._max_retries + 2):
            last = attempt > self._max_retries
            try:
                content = call.content() if call.content else None
                response = self._http.send(build_request(self._http, call, content))
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                if last or not isinstance(error, httpx2.TransportError):
                    raise unreachable(self._url, error) from error
                time.sleep(retries.wait_before_retry(attempt, None, random.random()))  # noqa: S311 (jitter)
                continue
            if response.is_success:
                return call.read(Reply(response.status_code, response.content))
            if last or not retries.worth_retrying(response.status_code, response.headers):
                raise exception_of(response.status_code, response.headers, response.content)
            time.sleep(retries.wait_before_retry(attempt, response.headers, random.random()))  # noqa: S311
        raise AssertionError("the last try returns or raises")
