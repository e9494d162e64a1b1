"""A data folder's keys and log without the rest of the service, opened as the service opens them."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from provenance.receipts.receipt import Receipt
from provenance.statement.keys import Signer
from provenance.statement.record import to_canonical
from provenance.statement.statement import sign_statement
from registry.bootstrap import open_keystore, open_log
from registry.database import Store, entries
from registry.database.tables import LogKeyRow
from registry.keys.keystore import Role
from registry.log.proofs import Proofs
from registry.registry import RegistryConfig
from registry.storage.blobs import Blobs
from registry.times import utc_now
from registry.usecases.maintenance import fsck
from registry.usecases.maintenance.rotation import Rotated, rotate_log_key
from tests.logs.records import ORIGIN, genesis
from tests.patience import HUNG_SECONDS, eventually

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NONE_ELSEWHERE: Mapping[Role, str] = {}


def config(
    folder: Path,
    *,
    ml_dsa: bool = True,
    signers: Mapping[Role, str] = NONE_ELSEWHERE,
    high_water: Path | None = None,
) -> RegistryConfig:
    return RegistryConfig(
        folder=folder,
        high_water=high_water,
        origin=ORIGIN,
        operator="The Newsroom",
        public_url="https://newsroom.example",
        passphrase=b"a passphrase for tests",
        workers=1,
        environment="development",
        ml_dsa=ml_dsa,
        signers=signers,
    )


class Log:
    """The log of a data folder, opened as the service opens it."""

    def __init__(
        self,
        folder: Path,
        *,
        ml_dsa: bool = True,
        signers: Mapping[Role, str] = NONE_ELSEWHERE,
        database: str = "",
        high_water: Path | None = None,
    ) -> None:
        settings = config(folder, ml_dsa=ml_dsa, signers=signers, high_water=high_water)
        self.ml_dsa = ml_dsa
        self.store = Store.open(folder, database)
        try:
            self.keystore = open_keystore(settings)
        except BaseException:
            self.store.close()
            raise
        try:
            self.blobs = Blobs.open(folder / "objects")
            self.sequencer = open_log(settings, self.store, self.blobs, self.keystore, utc_now)
        except BaseException:
            self.keystore.close()
            self.store.close()
            raise
        self.proofs = Proofs(self.store, self.blobs.objects, self.sequencer)

    def __enter__(self) -> "Log":
        return self

    def __exit__(self, *_: object) -> None:
        self.sequencer.close()
        self.keystore.close()
        self.store.close()

    def rotate(self, reason: str | None = None, successor: Signer | None = None) -> Rotated:
        now = utc_now().replace(microsecond=0)
        return rotate_log_key(
            self.sequencer, self.keystore, now=now, ml_dsa=self.ml_dsa, reason=reason, successor=successor
        )

    def grow(self) -> None:
        """One entry more: any record will do."""
        canonical = to_canonical(genesis(salt=os.urandom(32)))
        self.sequencer.append(sign_statement(canonical, self.keystore.operator), canonical).result(HUNG_SECONDS)

    def settle(self) -> None:
        """Wait until what was sequenced before a crash is published."""
        with self.store.read() as session:
            sequenced = entries.size(session)
        eventually(lambda: self.sequencer.size >= sequenced)

    def receipt(self, index: int) -> Receipt:
        with self.store.read() as session:
            identity = entries.get(session, index).record_id
        return Receipt.parse(self.proofs.receipt(identity).serialise())

    def findings(self) -> list[fsck.Defect]:
        return list(fsck.check(self.store, self.blobs, self.sequencer.key))

    def forget_change(self, index: int) -> None:
        self.store.write(lambda session: session.delete(session.get_one(LogKeyRow, index))).result()
