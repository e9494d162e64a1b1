"""AsyncClient: a client of the service for asyncio."""

import asyncio
import copy
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar, Unpack

import httpx2

from countermark import calls
from countermark.calls import Call, GraphForm, Outcome, ReceiptFormat, Reply, Visibility
from countermark.claims import Claims
from countermark.connection import (
    FAILURES,
    UNUSABLE_ENVIRONMENT,
    BoundedResponse,
    Connection,
    unusable_environment,
)
from countermark.content import Content, Form, Progress, Source
from countermark.defaults import DEFAULT_MAX_WAIT, DEFAULT_RETRIES, DEFAULT_TIMEOUT, DEFAULT_URL
from countermark.digests import Digests
from countermark.keys import KeyAlgorithm, OwnKey
from countermark.models import (
    Asset,
    AssetInFull,
    Dispute,
    Erasure,
    Event,
    FileComparison,
    Graph,
    LoggedStatements,
    LogKey,
    Lookups,
    Publisher,
    PublisherKey,
    RecordedVerdict,
    RegisteredAsset,
    Report,
    ServiceDescription,
    UploadedMedia,
    Withdrawal,
)
from countermark.retries import Retries
from provenance.errors import CountermarkError, RecordRefused

if TYPE_CHECKING:
    from provenance.statement.keys import Signer

T = TypeVar("T")


class AsyncClient:
    """A client of a Countermark service, for asyncio. Close it after use, or use it as a context manager.

    Args:
        url: the service's URL.
        api_key: needed to register and withdraw; reading and verifying are public.
        timeout: seconds for connecting, and for each read and write.
        max_retries: retries after a failed connection or a retryable status.
        max_wait: seconds that a call waits where the service's rates or `Retry-After` ask for it. It raises RateLimited
            where they ask for more.
        http_client: for proxies, certificates or transports of your own. You close it.

    Every method raises subclasses of `countermark.CountermarkError`; those that stand for a response carry its
    `request_id`. Record ids are 64 hex digits (`Asset.id`) or a URN.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        api_key: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        max_retries: int = DEFAULT_RETRIES,
        max_wait: float = DEFAULT_MAX_WAIT,
        http_client: httpx2.AsyncClient | None = None,
    ) -> None:
        self._connection = Connection(url, api_key, timeout, max_retries, max_wait)
        self._is_ours = http_client is None
        try:
            self._http = httpx2.AsyncClient() if http_client is None else http_client
        except UNUSABLE_ENVIRONMENT as error:
            raise unusable_environment(error) from error

    def with_options(
        self,
        *,
        timeout: float | None = None,
        max_retries: int | None = None,
        max_wait: float | None = None,
        on_reply: Callable[[Reply], object] | None = None,
    ) -> Self:
        """A copy of this client with other options. They share connections: closing one closes both.

        Args:
            timeout, max_retries, max_wait: as for the client.
            on_reply: called with each response as it was received, also with those that are retried.
        """
        other = copy.copy(self)
        other._connection = self._connection.with_options(
            timeout=timeout, max_retries=max_retries, max_wait=max_wait, on_reply=on_reply
        )
        return other

    async def upload(self, file: Source, *, progress: Progress | None = None) -> UploadedMedia:
        """Upload a picture ahead of its registration, within a day. Nothing is stated by that.

        The answer has what the file says of itself (`says`): what `metadata_from_file` would take over.
        """
        content = Content.of(file)
        sha256 = await asyncio.to_thread(content.sha256)
        return await self._send(calls.upload(content, sha256, progress))

    async def register(
        self, file: Source | UploadedMedia, *, progress: Progress | None = None, **claims: Unpack[Claims]
    ) -> RegisteredAsset:
        """Register a picture; returns when its record is published in the log.

        Args:
            file: uploaded first, then registered; or what `upload` has answered.
            progress: called during the upload.
            claims: what the publisher states; see `countermark.Claims`.
        """
        if isinstance(file, UploadedMedia):
            return await self._send(calls.register(file.sha256, claims))
        content = Content.of(file)
        sha256 = await asyncio.to_thread(content.sha256)
        registration = calls.register(sha256, claims)
        await self._send(calls.upload(content, sha256, progress))
        return await self._send(registration)

    async def register_signed(
        self,
        file: Source,
        signer: "Signer",
        *,
        uploaded: UploadedMedia | None = None,
        progress: Progress | None = None,
        **claims: Unpack[Claims],
    ) -> RegisteredAsset:
        """Register a picture under a key of the publisher's own, which never leaves this machine.

        The service prepares the record. It is checked here against the file and the claims, and signed only then. The
        C2PA claim in the signed copy is signed by the service's key; what that says inside is not checked.

        Args:
            file: the picture; a path, or bytes.
            signer: a `LocalSigner` of `provenance.statement.keys`, a token or a key service.
            uploaded: what `upload` has answered; otherwise the picture is uploaded first.
            progress: called during the upload.
            claims: as for `register`; `publisher` must be among them.

        Raises:
            RecordRefused: the service prepared something else than was asked; nothing was signed, and the service is
                asked to discard it.
            MissingExtra: the check needs `countermark[pictures]`.
        """
        from countermark.prepared import PreparedRecord, check_key  # here, as most callers do not need it

        key, content = check_key(claims, signer.public_key), Content.of(file)
        if uploaded is None:
            sha256 = await asyncio.to_thread(content.sha256)
            uploaded = await self._send(calls.upload(content, sha256, progress))
        answer = await self._send(calls.prepare(uploaded.sha256, claims, key))
        if isinstance(answer, RegisteredAsset):
            return answer
        try:
            prepared = PreparedRecord.of(answer)
            copies = [await self._send(calls.prepared_copy(answer.id, public)) for public in prepared.copies]
            signature = await asyncio.to_thread(prepared.sign, content, claims, signer, copies)
        except RecordRefused:
            with suppress(CountermarkError):
                await self._send(calls.discard(answer.id))
            raise
        return await self._send(calls.complete(answer, uploaded.sha256, key, signature))

    async def withdraw(self, asset_id: str, reason: str) -> Withdrawal:
        """Withdraw a registration; its record stays in the log."""
        return await self._send(calls.withdraw(asset_id, reason))

    async def log_statements(self, statements: Sequence[bytes], *, proofs: bool = False) -> LoggedStatements:
        """Log 1 to 1,000 statements (`COSE_Sign1`) that you have signed; their records stay with you."""
        return await self._send(calls.log_statements(statements, proofs))

    async def reveal(self, asset_id: str) -> Asset:
        """Make a sealed registration public; the time at which it was logged stands."""
        return await self._send(calls.reveal(asset_id))

    async def erase(self, asset_id: str, reason: str) -> Erasure:
        """Erase the content of a registration, and statements about it. Log entries and other proofs stay.

        The reason stays public, and must not repeat what is erased. Repeat a call that failed.
        """
        return await self._send(calls.erase(asset_id, reason))

    async def erasure(self, asset_id: str) -> Erasure:
        """When and why a registration was erased."""
        return await self._send(calls.erasure(asset_id))

    async def dispute(
        self, asset_id: str, reason: str, *, counterclaim: str | None = None, publisher: str | None = None
    ) -> Dispute:
        """Dispute another publisher's registration.

        Args:
            asset_id: the registration.
            reason: why; public.
            counterclaim: record of the publisher's own registration of the picture.
            publisher: only with an administrator's key; otherwise the key's own.
        """
        return await self._send(calls.dispute(asset_id, reason, counterclaim, publisher))

    async def answer_dispute(
        self, dispute_id: str, outcome: Outcome, reason: str, *, publisher: str | None = None
    ) -> Dispute:
        """Accept or reject a dispute of your registration, or retract your own dispute, which ends it."""
        return await self._send(calls.answer_dispute(dispute_id, outcome, reason, publisher))

    async def disputes(self, asset_id: str) -> tuple[Dispute, ...]:
        """The disputes of a registration, in log order."""
        return (await self._send(calls.disputes(asset_id))).items

    async def record_verdict(self, verification_id: str) -> RecordedVerdict:
        """Put a verification report on record, for the publisher of the API key."""
        return await self._send(calls.record_verdict(verification_id))

    async def verify(
        self, file: Source, *, progress: Progress | None = None, full_detail: bool = False, keep: bool = False
    ) -> Report:
        """Verify a picture. A report with a match stays under its id for an hour, others do not, unless you ask.

        Args:
            file: the picture.
            progress: called during the upload.
            full_detail: compare the whole picture at up to its own resolution, if the registered one is kept.
            keep: have the report kept, whatever was found, until `Report.kept_until`.
        """
        return await self._send(calls.verify(Content.of(file), progress, full_detail, keep))

    async def compare(
        self, file: Source, reference: Source, *, progress: Progress | None = None, full_detail: bool = False
    ) -> FileComparison:
        """Compare a picture with another one, as `verify` compares it with a registered one.

        Neither is looked up or kept, so nobody vouches for either. It counts as two verifications.

        Args:
            file: the picture whose regions are named.
            reference: what it is compared with.
            progress: called during the upload of both.
            full_detail: compare both as a whole, at up to their own resolution.
        """
        call = calls.compare(Content.of(file), Content.of(reference), progress, full_detail)
        return await self._send(call)

    async def verify_digests(self, sha256: str, *, pdq: tuple[str, int] | None = None, keep: bool = False) -> Report:
        """Verify digests alone: nothing is uploaded, and the report is not kept, unless you ask (`keep`).

        `pdq` is (64 hex digits, quality 0 to 100).
        """
        return await self._send(calls.verify_digests(sha256, pdq, keep))

    async def lookup(self, files: Sequence[Digests | str]) -> Lookups:
        """Look up 1 to 1,000 files by their digests, in order: what each leads to. Nothing is sent or stored but these.

        A file that was saved anew has another digest. Without a match it is not compared, not "not found": `verify`
        sends it.

        Args:
            files: `Digests`, or the SHA-256 alone.
        """
        return await self._send(calls.lookup(files))

    async def report(self, verification_id: str) -> Report:
        """A report that is kept."""
        return await self._send(calls.report(verification_id))

    async def difference(self, verification_id: str, record: str | None = None) -> bytes:
        """The overlay of a report: a transparent PNG in the aspect ratio of the verified picture.

        It shows where the picture differs from the match `record`; None: from the leading match.
        """
        return await self._send(calls.difference(verification_id, record))

    async def asset(self, asset_id: str) -> AssetInFull:
        """A registered picture."""
        return await self._send(calls.asset(asset_id))

    async def assets(
        self, *, publisher: str | None = None, sha256: str | None = None, visibility: Visibility = "public"
    ) -> AsyncIterator[Asset]:
        """Registered pictures, newest first; further pages are fetched during the iteration.

        Sealed ones are listed only for their publisher; with an administrator's key, name it as `publisher`.
        """
        cursor = None
        while True:
            page = await self._send(calls.assets(publisher, sha256, cursor, visibility))
            for asset in page.items:
                yield asset
            cursor = page.next_cursor
            if cursor is None:
                return

    async def history(self, asset_id: str) -> tuple[Event, ...]:
        """The log entries about a registered picture, in log order."""
        return (await self._send(calls.history(asset_id))).items

    async def graph(self, asset_id: str) -> Graph:
        """The derivation graph: what a registered picture was made from, and what was made from it."""
        return await self._send(calls.graph(asset_id))

    async def graph_as(self, asset_id: str, form: GraphForm) -> bytes:
        """The derivation graph as PROV-O in JSON-LD (`jsonld`), or drawn (`svg`)."""
        return await self._send(calls.graph_as(asset_id, form))

    async def receipt(self, asset_id: str, form: ReceiptFormat = "countermark") -> bytes:
        """The receipt of a record, for `verify_receipt` or `verify_proof`, which need no service."""
        return await self._send(calls.receipt(asset_id, form))

    async def credentialed(self, asset_id: str, *, public: bool = False) -> bytes:
        """The C2PA-signed copy of a registered picture; with its publisher's API key the copy with all metadata.

        Args:
            public: get the public copy in any case: that is the one to publish.

        Raises:
            MetadataWithheld: the copy has metadata that its publisher has not made public.
        """
        return await self._send(calls.credentialed(asset_id, public))

    async def manifest(self, asset_id: str) -> bytes:
        """The C2PA manifest store of a registered picture: the sidecar."""
        return await self._send(calls.manifest(asset_id))

    async def thumbnail(self, asset_id: str) -> bytes:
        """A WebP of a registered picture, longest side 512 px."""
        return await self._send(calls.thumbnail(asset_id))

    async def record(self, record_id: str) -> bytes:
        """The canonical bytes of a record. Their SHA-256 is checked against the id."""
        return await self._send(calls.record(record_id))

    async def publishers(self) -> tuple[Publisher, ...]:
        """The publishers that vouch for media at this service."""
        return (await self._send(calls.publishers())).items

    async def publisher_keys(self, publisher_id: str) -> tuple[PublisherKey, ...]:
        """All keys of a publisher, in the order of enrolment."""
        return (await self._send(calls.publisher_keys(publisher_id))).items

    async def enrol_key(
        self, publisher_id: str, *, key_algorithm: KeyAlgorithm = "ES256", own: OwnKey | None = None
    ) -> PublisherKey:
        """Add a key for a publisher. Without `own` the service generates and holds it."""
        return await self._send(calls.add_key(publisher_id, "enrol", key_algorithm, own, None))

    async def rotate_key(
        self,
        publisher_id: str,
        *,
        key_algorithm: KeyAlgorithm = "ES256",
        own: OwnKey | None = None,
        reason: str | None = None,
    ) -> PublisherKey:
        """Replace a publisher's keys with a new one, signed by an old key and the new. What they signed stays valid."""
        return await self._send(calls.add_key(publisher_id, "rotate", key_algorithm, own, reason))

    async def revoke_key(
        self, publisher_id: str, thumbprint: str, *, reason: str, invalid_since: datetime | None = None
    ) -> PublisherKey:
        """Revoke a key; verdicts say whether what it signed was logged before or after.

        Args:
            thumbprint: of the key, 64 hex digits, as listed by `publisher_keys`.
            reason: why; public.
            invalid_since: since when the key may have been compromised, with a time zone.
        """
        return await self._send(calls.revoke_key(publisher_id, thumbprint, reason, invalid_since))

    async def log_keys(self) -> tuple[LogKey, ...]:
        """The log's keys, old and new, as claimed by the service: a receipt of each key's record proves it."""
        return (await self._send(calls.log_keys())).items

    async def checkpoint(self) -> bytes:
        """The log's latest checkpoint: a signed note, not verified."""
        return await self._send(calls.checkpoint())

    async def service(self) -> ServiceDescription:
        """What the service is: its log and that log's keys, as its operator states them, and its limits."""
        return await self._send(calls.service())

    async def ready(self) -> None:
        """Return if the service can register and verify; raise otherwise."""
        await self._send(calls.ready())

    async def close(self) -> None:
        """Close the connections."""
        if self._is_ours:
            await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def _send(self, call: Call[T]) -> T:
        retries = Retries(self._connection, call)
        while True:
            await asyncio.sleep(self._connection.pause(call))
            try:
                reply = await self._try(call)
            except FAILURES as error:
                wait = retries.after_failure(error)
            else:
                if call.is_answered(reply):
                    return call.answer(reply)
                wait = retries.after_refusal(reply)
            await asyncio.sleep(wait)

    async def _try(self, call: Call[T]) -> Reply:
        content = None if call.content is None else _sent(call.content, call.progress)
        request, started = self._connection.request(self._http, call, content), time.monotonic()
        response = await self._http.send(request, stream=True, follow_redirects=False)
        try:
            bounded = BoundedResponse(response, call, self._connection)
            async for chunk in response.aiter_bytes():
                bounded.take(chunk)
        finally:
            await response.aclose()
        return self._connection.note(call, bounded.reply(), started)


async def _sent(content: Content | Form, progress: Progress | None) -> AsyncIterator[bytes]:
    chunks: Iterator[bytes] = content.chunks()
    sent = 0
    while chunk := await asyncio.to_thread(next, chunks, b""):
        yield chunk
        sent += len(chunk)
        if progress is not None:
            progress(sent, content.size)
