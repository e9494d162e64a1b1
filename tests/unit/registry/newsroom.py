"""A small newsroom with a real registry beneath it: what the tests of store, log and fsck tell their stories with."""

import hashlib
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from sqlalchemy import text

from provenance.statement.record import (
    AssetDisputed,
    AssetRegistered,
    AssetWithdrawn,
    CredentialFacts,
    DisputeAnswered,
    MediaFacts,
    record_id,
    to_canonical,
)
from provenance.statement.record.keys import KeyAction
from provenance.statement.statement import sign_statement
from registry.database import Session, Store, assets, events, publishers
from registry.log.proofs import Proofs
from registry.log.sequencer import Appended, Sequencer
from registry.storage.blobs import Blobs
from registry.times import to_milliseconds
from tests.logs.records import LOG, OPERATOR, ORIGIN, START, asset, digest, genesis, publisher_key, signer


class Clock:
    """Ticks a second each time it is read; may be set."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        self.time += timedelta(seconds=1)
        return self.time


def high_water_obstacle(folder: Path) -> Path:
    """While a folder is made there, the high-water mark in `folder` cannot be replaced, and nothing be published."""
    return folder / "high-water.0000000000000000.new"


class Newsroom:
    """An open data folder with its log, and a publisher "daily" that registers pictures named by a text."""

    def __init__(
        self,
        folder: Path,
        *,
        database: str = "",
        objects: Path | str | None = None,
        clock: Callable[[], datetime] | None = None,
        high_water: Path | str | None = None,
    ) -> None:
        self.folder = folder
        self.clock = clock or Clock()
        self.store = Store.open(folder, database)
        try:
            self.blobs = Blobs.open(objects or folder / "objects")
            self.sequencer = Sequencer(self.store, self.blobs.objects, LOG, ORIGIN, self.clock, high_water=high_water)
        except BaseException:
            self.store.close()
            raise
        self.proofs = Proofs(self.store, self.blobs.objects, self.sequencer)

    def close(self) -> None:
        self.sequencer.close()
        self.store.close()

    def __enter__(self) -> "Newsroom":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def found(self) -> "Newsroom":
        """Log the genesis entry and the publisher's first key."""
        canonical = to_canonical(genesis(self.sequencer.key))
        self.sequencer.append(sign_statement(canonical, OPERATOR), canonical).result()
        self.state_key("enrol", "daily key")
        return self

    def state_key(
        self,
        action: KeyAction,
        key: str,
        *,
        replaces: str = "daily key",
        publisher: str = "daily",
        invalid_since: datetime | None = None,
    ) -> Appended:
        record = publisher_key(
            action,
            signer(key),
            publisher,
            replaces=signer(replaces) if action == "rotate" else None,
            invalid_since=invalid_since,
        )
        canonical = to_canonical(record)
        return self.sequencer.append(
            sign_statement(canonical, OPERATOR),
            canonical,
            lambda session, index, _: publishers.apply(session, record, index),
        ).result()

    def register(
        self,
        name: str,
        *,
        key: str = "daily key",
        salt: str = "",
        parents: tuple[bytes, ...] = (),
        supersedes: bytes | None = None,
        wait: Literal["sequenced", "published"] = "published",
    ) -> "Future[Appended]":
        """Register a picture: the same name makes the same claims, whatever the salt."""
        record = picture(name, parents, salt=salt, supersedes=supersedes)
        canonical = to_canonical(record)
        self.blobs.put(f"sketch of {name}".encode())
        blobs = assets.AssetBlobs(
            self.blobs.put(f"thumbnail of {name}".encode()),
            self.blobs.put(f"signed copy of {name}".encode()),
            self.blobs.put(f"manifest of {name}".encode()),
        )

        def write_views(session: Session, index: int, logged_at: datetime) -> None:
            row = assets.asset_row(
                record_id(canonical), record, index, to_milliseconds(logged_at), digest(f"claims {name}"), blobs
            )
            assets.insert(session, row)
            events.derive(session, row.record_id, record)

        return self.sequencer.append(
            sign_statement(canonical, signer(key)),
            canonical,
            write_views,
            lambda session: assets.by_claims_digest(session, digest(f"claims {name}")),
            wait=wait,
        )

    def tamper(self, sql: str, **values: object) -> None:
        """Change rows behind the back of the sequencer."""
        self.store.write(lambda session: session.connection().execute(text(sql), values)).result()

    def withdraw(self, target: bytes, reason: str = "wrong") -> "Future[Appended]":
        salt = digest(f"withdraw {target.hex()} {reason}")
        record = AssetWithdrawn(salt=salt, claimed_at=START, publisher="daily", record=target, reason=reason)
        canonical = to_canonical(record)
        return self.sequencer.append(
            sign_statement(canonical, signer("daily key")),
            canonical,
            lambda session, index, _: assets.withdraw(session, record, index),
        )

    def dispute(self, target: bytes, number: int = 0, *, key: str = "rival key", waits: bool = True) -> bytes:
        """The rival contradicts a registration; the record's id."""
        salt = digest(f"dispute {target.hex()} {number}")
        return self._say(AssetDisputed(salt, START, "rival", target, f"claim {number}"), target, key, waits=waits)

    def retract(
        self,
        dispute: bytes,
        target: bytes,
        *,
        key: str = "rival key",
        publisher: str = "rival",
        reason: str = "a mistake",
        waits: bool = True,
    ) -> bytes:
        """The rival takes a dispute of a registration back; the record's id."""
        salt = digest(f"retract {dispute.hex()} {publisher}")
        said = DisputeAnswered(salt, START, publisher, dispute, "retracted", reason)
        return self._say(said, target, key, waits=waits)

    def _say(self, record: AssetDisputed | DisputeAnswered, target: bytes, key: str, *, waits: bool) -> bytes:
        canonical = to_canonical(record)
        appended = self.sequencer.append(
            sign_statement(canonical, signer(key)),
            canonical,
            lambda session, index, _: events.add(session, target, index, record.TYPE),
        )
        if waits:  # whatever was appended before has then been published as well
            appended.result()
        return record_id(canonical)


def picture(
    name: str, parents: Iterable[bytes] = (), *, salt: str = "", supersedes: bytes | None = None
) -> AssetRegistered:
    """The record of a picture with a credentialed copy."""
    signed = f"signed copy of {name}".encode()
    copy = MediaFacts(
        hashlib.sha256(signed).digest(), len(signed), "image/jpeg", 640, 480, digest(f"signed pixels {name}")
    )
    credential = CredentialFacts(f"urn:c2pa:{digest(name).hex()[:32]}", digest(f"claim {name}"), True, copy)
    return asset(name, parents, salt=salt, supersedes=supersedes, credential=credential, credit="A. Photographer")
