"""A log's keys by size of tree, and what readers make of them who trust one of the keys."""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.errors import CountermarkError, SignatureInvalid, UntrustedNote
from provenance.receipts.procedure import verify_receipt
from provenance.receipts.receipt import Receipt
from provenance.receipts.report import ReceiptReport
from provenance.statement.record import LogGenesis, LogKey
from provenance.transparency.checkpoint import open_checkpoint
from provenance.transparency.log_keys import KeySpan, LogKeys, Sign, sign_change
from provenance.transparency.ml_dsa import MlDsaSigner
from provenance.transparency.note import COSIGNATURE_V1, ED25519, ML_DSA_44, VerifierKey
from provenance.transparency.timestamp import TimestampAuthority
from provenance.transparency.tree_head import Checkpoint
from tests.logs.log import COSIGNED_AT, Log
from tests.logs.records import OPERATOR, ORIGIN, START, digest, genesis, signer
from tests.stamper import Stamper


def key_of(name: str, origin: str = ORIGIN) -> VerifierKey:
    """The same key for the same name; a name that ends in "pq" is of ML-DSA-44."""
    if name.endswith("pq"):
        return VerifierKey(origin, ML_DSA_44, MlDsaSigner.from_seed(digest(name)).public)
    return VerifierKey(origin, ED25519, signer(name).public_key.raw)


NAMES = ("first", "second", "third", "mallory", "first pq", "second pq")
HOLDERS: dict[bytes, Sign] = {
    key_of(name).public: MlDsaSigner.from_seed(digest(name)).sign if name.endswith("pq") else signer(name).sign
    for name in NAMES
}


def holder(key: VerifierKey) -> Sign:
    return HOLDERS[key.public]


def keys(*names: str) -> tuple[VerifierKey, ...]:
    return tuple(map(key_of, names))


def founding(*names: str) -> LogGenesis:
    return genesis(*keys(*names))


def change(old: tuple[VerifierKey, ...], new: tuple[VerifierKey, ...], origin: str = ORIGIN) -> LogKey:
    return LogKey(digest("change"), START, tuple(map(str, new)), sign_change(origin, old, new, holder))


@dataclass
class RotatedLog(Log):
    """A log of genesis and changes of its keys, which signs with those in force."""

    log_keys: LogKeys = field(kw_only=True)

    @classmethod
    def of(cls, *names: str) -> "RotatedLog":
        log = cls(log_keys=LogKeys.from_genesis(founding(*names)))
        log.add(founding(*names), OPERATOR)
        return log

    def rotate(self, *names: str) -> int:
        record = change(self.log_keys.current, keys(*names))
        index = self.add(record, OPERATOR)
        self.log_keys = self.log_keys.follow(index, record)
        return index

    def sign(self, checkpoint: Checkpoint) -> bytes:
        return self.log_keys.sign(checkpoint, holder, time=COSIGNED_AT)

    @property
    def key(self) -> VerifierKey:
        return self.log_keys.signing_key(self.size)

    def signed_as(self, log_keys: LogKeys) -> "RotatedLog":
        """With other keys than the log's own."""
        return replace(self, log_keys=log_keys)


def check(receipt: Receipt, *trusted: str, retired: dict[str, int] | None = None) -> ReceiptReport:
    bounds = {key_of(name): size for name, size in (retired or {}).items()}
    parsed = Receipt.parse(receipt.serialise())
    return verify_receipt(parsed, trusted_keys=keys(*trusted), retired=bounds)


def failed(report: ReceiptReport) -> list[int]:
    return [step.number for step in report.steps if step.outcome == "fails"]


# By size ----------------------------------------------------------------------------------------


def test_a_change_counts_for_the_trees_that_hold_it() -> None:
    log = LogKeys.from_genesis(founding("first")).follow(7, change(keys("first"), keys("second")))
    assert (log.at(0), log.at(7), log.at(8), log.at(10_000)) == (
        keys("first"),
        keys("first"),
        keys("second"),
        keys("second"),
    )
    assert log.spans() == (KeySpan(key_of("first"), 0, 7), KeySpan(key_of("second"), 8, None))


def test_a_key_that_stays_is_not_retired_when_another_joins_it() -> None:
    log = LogKeys.from_genesis(founding("first")).follow(3, change(keys("first"), keys("first", "first pq")))
    assert log.spans() == (KeySpan(key_of("first"), 0, None), KeySpan(key_of("first pq"), 4, None))


def test_a_checkpoint_by_a_retired_key_beyond_its_size_is_refused() -> None:
    before = LogKeys.from_genesis(founding("first"))
    after = before.follow(7, change(keys("first"), keys("second")))
    for size in (1, 7):
        note = before.sign(Checkpoint(ORIGIN, size, digest("root")), holder, time=0)
        assert after.open(note)[0].size == size
    for size in (8, 9, 2**40):
        with pytest.raises(UntrustedNote):
            after.open(before.sign(Checkpoint(ORIGIN, size, digest("root")), holder, time=0))
    with pytest.raises(UntrustedNote):  # nor does the new key sign what came before it
        before.open(after.sign(Checkpoint(ORIGIN, 8, digest("root")), holder, time=0))


@given(st.lists(st.sampled_from(["first", "second", "third", "first pq", "second pq"]), max_size=3, unique=True))
@settings(max_examples=20)
def test_every_set_of_keys_with_an_ed25519_one_can_take_over(names: list[str]) -> None:
    log = LogKeys.from_genesis(founding("first", "first pq"))
    if all(name.endswith("pq") for name in names):
        with pytest.raises((UntrustedNote, SignatureInvalid)):
            log.follow(2, change(log.current, keys(*names)))
        return
    followed = log.follow(2, change(log.current, keys(*names)))
    assert followed.current == keys(*names)
    note = followed.sign(Checkpoint(ORIGIN, 5, digest("root")), holder, time=1_772_366_400)
    assert followed.open(note)[0].size == 5


@given(st.data())
@settings(max_examples=40)
def test_a_change_with_any_bit_of_a_signature_changed_is_not_followed(data: st.DataObject) -> None:
    log = LogKeys.from_genesis(founding("first", "first pq"))
    record = change(log.current, keys("second", "second pq"))
    which = data.draw(st.integers(0, 3))
    bit = data.draw(st.integers(0, 8 * len(record.signatures[which]) - 1))
    spoilt = bytearray(record.signatures[which])
    spoilt[bit // 8] ^= 1 << bit % 8
    signatures = (*record.signatures[:which], bytes(spoilt), *record.signatures[which + 1 :])
    with pytest.raises(SignatureInvalid):
        log.follow(2, LogKey(record.salt, START, record.log_keys, signatures))


@pytest.mark.parametrize("left_out", range(4))
def test_a_change_that_one_of_the_keys_has_not_signed_is_not_followed(left_out: int) -> None:
    log = LogKeys.from_genesis(founding("first", "first pq"))
    record = change(log.current, keys("second", "second pq"))
    rest = tuple(signature for at, signature in enumerate(record.signatures) if at != left_out)
    with pytest.raises(SignatureInvalid):
        log.follow(2, LogKey(record.salt, START, record.log_keys, rest))


def test_a_change_is_not_followed_twice_nor_by_another_log() -> None:
    first = change(keys("first"), keys("second"))
    log = LogKeys.from_genesis(founding("first")).follow(2, first)
    with pytest.raises(SignatureInvalid):
        log.follow(5, first)
    with pytest.raises(SignatureInvalid):
        log.follow(1, change(keys("second"), keys("third")))
    with pytest.raises(SignatureInvalid):
        LogKeys.from_genesis(founding("first")).follow(2, change(keys("first"), keys("second"), origin="other.example"))


@pytest.mark.parametrize(
    "vkeys",
    [
        (str(key_of("first", "other.example")),),
        (str(key_of("first pq")),),
        (str(VerifierKey(ORIGIN, COSIGNATURE_V1, key_of("first").public)),),
        (str(key_of("first")), str(key_of("first"))),
        (f"{ORIGIN}+00000000+{str(key_of('first')).rpartition('+')[2]}",),
    ],
    ids=["another name", "no Ed25519 key", "a witness's key", "twice the same", "another key id"],
)
def test_keys_that_cannot_sign_for_the_log_are_refused(vkeys: tuple[str, ...]) -> None:
    with pytest.raises(UntrustedNote):
        LogKeys.from_genesis(LogGenesis(digest("salt"), START, ORIGIN, "O", vkeys, (OPERATOR.public_key,)))


# Receipts ---------------------------------------------------------------------------------------


def test_a_receipt_made_before_a_rotation_holds_for_who_trusts_the_old_key() -> None:
    log = RotatedLog.of("first")
    before = log.receipt(0)
    log.rotate("second")
    report = check(before, "first", retired={"first": 1})
    assert report.holds
    assert report.log_key_pinned
    assert failed(check(before, "second")) == [2]  # nothing in it leads there


@pytest.mark.parametrize("trusted", ["first", "second", "third"])
def test_a_receipt_made_after_two_rotations_holds_for_who_trusts_any_of_the_keys(trusted: str) -> None:
    log = RotatedLog.of("first")
    log.rotate("second")
    log.rotate("third")
    report = check(log.receipt(0), trusted)
    assert report.holds
    assert report.log_key_pinned


def test_a_retired_key_that_signs_on_is_refused() -> None:
    log = RotatedLog.of("first")
    old = log.log_keys
    log.rotate("second")
    assert failed(check(log.signed_as(old).receipt(0), "first")) == [4]
    assert failed(check(log.signed_as(old).receipt(0), "first", "second", retired={"first": 1})) == [2]
    assert failed(check(log.signed_as(old).receipt(0))) == [4]


def test_a_retired_key_that_leads_elsewhere_is_not_followed_by_who_knows_that_it_is_retired() -> None:
    stolen = RotatedLog.of("first")
    stolen.rotate("mallory")  # whoever got hold of the old key signs a change of his own
    assert failed(check(stolen.receipt(0), "first", "second", retired={"first": 1})) == [2]
    assert check(stolen.receipt(0), "first").log_key_pinned  # and nobody else can tell


def test_the_log_key_of_a_genesis_beside_the_trusted_one_is_not_vouched_for() -> None:
    log = RotatedLog.of("mallory", "first")
    assert failed(check(log.receipt(0), "first")) == [2]


def test_an_ml_dsa_key_pins_a_log_and_its_signature_cannot_be_left_out() -> None:
    log = RotatedLog.of("first", "first pq")
    receipt = log.receipt(0)
    assert check(receipt, "first pq").log_key_pinned
    assert check(receipt, "first pq").holds
    assert check(receipt, "first", "first pq").holds
    assert not check(receipt, "first pq").cosigners
    stripped = log.signed_as(LogKeys.from_genesis(founding("first"))).receipt(0)
    assert check(stripped, "first").holds
    assert failed(check(stripped, "first pq")) == [3]
    assert failed(check(stripped, "first", "first pq")) == [3]


def test_an_ml_dsa_key_leads_to_the_next_one() -> None:
    log = RotatedLog.of("first", "first pq")
    log.rotate("second", "second pq")
    assert check(log.receipt(0), "first pq").holds
    stripped = LogKeys(ORIGIN, ((0, keys("second")),))
    assert failed(check(log.signed_as(stripped).receipt(0), "first pq")) == [3]


def test_a_receipt_from_before_the_ml_dsa_key_joined_still_holds() -> None:
    log = RotatedLog.of("first")
    before = log.receipt(0)
    log.rotate("first", "first pq")
    assert check(before, "first", "first pq").holds
    assert check(log.receipt(0), "first").holds
    assert check(log.receipt(0), "first pq").holds


def test_a_reader_that_knows_no_ml_dsa_reads_the_checkpoint_all_the_same() -> None:
    log = RotatedLog.of("first", "first pq")
    note = log.receipt(0).subject.proof.checkpoint
    checkpoint, cosigners = open_checkpoint(note, keys("first"), ORIGIN)
    assert (checkpoint.size, cosigners) == (1, ())
    with pytest.raises(CountermarkError):
        open_checkpoint(note.replace(note.splitlines()[-1][-12:], b"AAAAAAAAAAAA"), keys("first", "first pq"), ORIGIN)


# The tree that was stamped ------------------------------------------------------------------------


def stamped(log: RotatedLog, size: int, signed_as: LogKeys | None = None) -> Receipt:
    """The log's receipt with a stamp over the tree of `size` entries, signed as told."""
    stamp = (log if signed_as is None else log.signed_as(signed_as)).stamp(0, size, Stamper("tsa"))
    return replace(log.receipt(0), stamp=stamp)


def stamp_outcome(receipt: Receipt, *trusted: str, retired: dict[str, int] | None = None) -> str:
    anchor = TimestampAuthority.from_pem("tsa", Stamper("tsa").pem.encode())
    bounds = {key_of(name): size for name, size in (retired or {}).items()}
    parsed = Receipt.parse(receipt.serialise())
    report = verify_receipt(parsed, trusted_keys=keys(*trusted), retired=bounds, authorities=[anchor])
    assert [step.outcome for step in report.steps[1:8]] == ["holds"] * 7
    return report.steps[9].outcome


def test_a_stamped_tree_is_signed_with_the_ml_dsa_key_that_the_reader_trusts() -> None:
    log = RotatedLog.of("first", "first pq")
    log.rotate("second", "second pq")
    log.rotate("third", "second pq")
    plain = LogKeys.from_genesis(founding("first"))
    for trusted in ("first pq", "second pq"):
        assert stamp_outcome(stamped(log, 1), "first", trusted) == "holds"
    assert stamp_outcome(stamped(log, 1, plain), "first", "first pq") == "fails"
    assert stamp_outcome(stamped(log, 1, plain), "third") == "holds"


def test_a_stamped_tree_beyond_the_size_of_a_retired_key_is_not_trusted() -> None:
    log = RotatedLog.of("first", "second")
    log.rotate("third")
    log.rotate("third", "first pq")
    by_second = LogKeys.from_genesis(founding("second"))
    assert stamp_outcome(stamped(log, 1, by_second), "third", "second", retired={"second": 1}) == "holds"
    assert stamp_outcome(stamped(log, 1, by_second), "third", "second", retired={"second": 0}) == "fails"
