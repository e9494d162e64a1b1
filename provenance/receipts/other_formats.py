"""Checking the receipts that are not Countermark's own: a C2SP tlog-proof, a transparent statement (RFC 9943).

They prove that a log has a statement, and no more. The steps have the numbers of `receipts.procedure`; those that
such a file has nothing for are not checked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from provenance.errors import CountermarkError, MalformedReceipt, ProofInvalid, SignatureInvalid, StatementError
from provenance.limits import MAX_TREE_SIZE
from provenance.receipts.followed_keys import FollowedKeys, describe_rotations
from provenance.receipts.receipt import Receipt
from provenance.receipts.report import STEP_NAMES, Step
from provenance.statement import cose
from provenance.statement.keys import Algorithm, PublicKey
from provenance.statement.statement import Statement, parse_statement
from provenance.transparency import cose_receipt
from provenance.transparency.checkpoint import Cosigner
from provenance.transparency.cose_receipt import CoseReceipt, Inclusion, TransparentStatement
from provenance.transparency.log_keys import Outcome
from provenance.transparency.note import ED25519, VerifierKey
from provenance.transparency.policy import Witnessing
from provenance.transparency.tlog_proof import TlogProof

AnyReceipt = Receipt | TlogProof | TransparentStatement

_LEFT_OUT = "this format does not carry it: a .countermark file does"
_GROUND = {3: 2, 8: 3}
"""Which step another depends on."""
_FOLLOW = "; if the log has changed its keys, a .countermark receipt made since then leads to them (--keys)"


@dataclass(frozen=True)
class ProofReport:
    """What a tlog-proof or a transparent statement proves.

    Attributes:
        steps: all of a receipt, in order.
        log: the log's name: its origin, or as the issuer of a COSE receipt calls itself.
        index: of the entry; as a COSE receipt claims it, not verified.
        tree_size: entries of the tree; as a COSE receipt claims it, not verified.
        statement: the entry, where it is at hand and one of Countermark's. Its signature is not checked.
        cosigners: the caller's witnesses that cosigned the checkpoint.
        witnessing: whether the cosignatures are there that the caller asks for; None where it asks for none.
    """

    steps: tuple[Step, ...]
    log: str
    index: int
    tree_size: int
    statement: Statement | None
    cosigners: tuple[Cosigner, ...]
    witnessing: Witnessing | None = None

    @property
    def holds(self) -> bool:
        """A log whose key the caller trusts has the entry (steps 1, 2, 3 and 8), and no step fails."""
        outcomes = {step.number: step.outcome for step in self.steps}
        return "fails" not in outcomes.values() and all(outcomes[number] == "holds" for number in (1, 2, 3, 8))

    @property
    def fails(self) -> bool:
        """A step fails; what neither holds nor fails could not be checked."""
        return any(step.outcome == "fails" for step in self.steps)

    def __bool__(self) -> NoReturn:
        raise TypeError("a report is neither true nor false: ask whether it `holds`")


def parse_any_receipt(data: bytes) -> AnyReceipt:
    """Read a receipt of any of the three formats; the first byte tells them apart.

    Raises:
        MalformedReceipt: not a receipt of any of these formats, or it does not parse.
    """
    try:
        if data.startswith(b"c2sp.org/tlog-proof@"):
            return TlogProof.parse(data)
        if data.startswith(cose.FIRST_BYTE):
            return TransparentStatement.parse(data)
    except MalformedReceipt:
        raise
    except CountermarkError as cause:
        raise MalformedReceipt(str(cause)) from cause
    return Receipt.parse(data)


def receipt_statement(receipt: AnyReceipt) -> Statement:
    """The statement that a receipt is for. Raises MalformedReceipt where it carries no statement."""
    match receipt:
        case Receipt():
            return receipt.subject.parsed_statement
        case TlogProof():
            statement = _statement(receipt.extra)
            if statement is None:
                raise MalformedReceipt("a tlog-proof that does not carry its statement")
            return statement
        case TransparentStatement():
            return parse_statement(receipt.statement)


def verify_tlog_proof(
    proof: TlogProof,
    trusted_keys: Sequence[VerifierKey],
    entry: bytes | None = None,
    *,
    retired: Mapping[VerifierKey, int] | None = None,
    followed: FollowedKeys | None = None,
) -> ProofReport:
    """Run the steps on a tlog-proof; failures are collected, not raised.

    Args:
        proof: from `TlogProof.parse`.
        trusted_keys: Ed25519 keys of logs, and keys of witnesses, which the caller has from elsewhere.
        entry: the log entry; by default the proof's extra data, where that is a statement.
        retired: which of the trusted keys their log has retired, with the size of the largest tree that each signs.
        followed: where the log has changed its keys: those that a trusted one leads to.
    """
    signed = proof.signed_checkpoint()
    checkpoint = signed.checkpoint
    outcomes: dict[int, tuple[Outcome, str]] = {1: ("holds", "the tlog-proof parses in its one encoding")}
    cosigners: tuple[Cosigner, ...] = ()
    statement = _statement(proof.extra if entry is None else entry)
    entry = entry if entry is not None or statement is None else statement.data

    outcomes[2] = _judge_log([key.name for key in _log_keys(trusted_keys)], checkpoint.origin)
    keys = [key for key in trusted_keys if checkpoint.size <= (retired or {}).get(key, checkpoint.size)]
    hint = _FOLLOW
    if followed is not None and followed.keys.origin == checkpoint.origin:
        keys = [*followed.keys.at(checkpoint.size), *(key for key in keys if key.name != checkpoint.origin)]
        hint = ""
        if rotated := describe_rotations(followed.rotations(checkpoint.size)):
            outcomes[2] = "holds", f"a key of {checkpoint.origin} that you trust leads to the one in force: {rotated}"
    if outcomes[2][0] == "holds":
        try:
            _, cosigners = signed.verify_both(keys, checkpoint.origin)
            known = f"known witnesses: {len(cosigners)}"
            outcomes[3] = ("holds", f"{checkpoint.origin} signed a tree of {checkpoint.size} entries; {known}")
        except CountermarkError as refusal:
            outcomes[3] = ("fails", f"{refusal}{hint}")
    if statement is not None:
        outcomes[7] = _unchecked_signature(statement)
    if entry is None:
        outcomes[8] = ("not checked", "the log entry is neither in the file nor given")
    elif 3 in outcomes and outcomes[3][0] == "holds":
        try:
            proof.verify_inclusion(entry, checkpoint)
            outcomes[8] = ("holds", f"the entry is in the tree of {checkpoint.size}, at index {proof.index}")
        except ProofInvalid as refusal:
            outcomes[8] = ("fails", str(refusal))
    return ProofReport(_steps(outcomes), checkpoint.origin, proof.index, checkpoint.size, statement, cosigners)


def verify_transparent_statement(
    transparent: TransparentStatement,
    trusted_keys: Sequence[VerifierKey],
    *,
    retired: Mapping[VerifierKey, int] | None = None,
    followed: FollowedKeys | None = None,
) -> ProofReport:
    """Run the steps on a transparent statement: on its first receipt whose log the caller knows, or else the first.

    A COSE receipt states no size that is signed. So a key that is known to be retired is not trusted: whoever has got
    hold of it could have signed yesterday.

    Args: as of `verify_tlog_proof`.

    Raises:
        MalformedReceipt: no receipt of inclusion in it.
    """
    current = () if followed is None else followed.keys.current
    old = () if followed is None else tuple(span.key for span in followed.keys.spans() if span.key not in current)
    active = [key for key in (*trusted_keys, *current) if key not in old and key not in (retired or {})]
    keys = {_cose_key(key).thumbprint: _cose_key(key) for key in _log_keys(active)}
    retired_keys = {_cose_key(key).thumbprint for key in _log_keys([*old, *(retired or {})])}
    receipts = [cose_receipt.parse(data) for data in transparent.receipts]
    inclusions = [each for each in receipts if isinstance(each.proof, Inclusion)]
    if not inclusions:
        raise MalformedReceipt("a transparent statement without a receipt of inclusion")
    receipt = next((each for known in (keys, retired_keys) for each in inclusions if each.kid in known), inclusions[0])
    proof = receipt.proof
    assert isinstance(proof, Inclusion)  # noqa: S101  # as was selected
    statement = parse_statement(transparent.statement)
    outcomes: dict[int, tuple[Outcome, str]] = {1: ("holds", "statement and receipt parse in their one encoding")}
    outcomes[2] = _judge_log([kid.hex() for kid in keys], receipt.kid.hex())
    if receipt.kid in retired_keys:
        outcomes[2] = "not checked", "its key is retired, and the receipt shows no time: ask the log for another"
    elif outcomes[2][0] == "holds" and followed is not None and receipt.kid in _thumbprints(current):
        rotated = describe_rotations(followed.rotations(MAX_TREE_SIZE))
        outcomes[2] = "holds", f"a key that you trust leads to {receipt.kid.hex()}: {rotated or 'it was never changed'}"
    elif outcomes[2][0] == "fails" and followed is None:
        outcomes[2] = "fails", f"{outcomes[2][1]}{_FOLLOW}"
    outcomes[7] = _unchecked_signature(statement)
    if outcomes[2][0] == "holds":
        outcomes |= _judge_root(receipt, proof, keys, transparent.statement)
    return ProofReport(_steps(outcomes), receipt.issuer, proof.index, proof.size, statement, ())


def _judge_root(
    receipt: CoseReceipt, proof: Inclusion, keys: Mapping[bytes, PublicKey], entry: bytes
) -> dict[int, tuple[Outcome, str]]:
    """Steps 3 and 8 of a COSE receipt, whose signature covers the root that its proof leads to."""
    try:
        root = cose_receipt.verify_inclusion(receipt, keys, entry)
    except ProofInvalid as refusal:
        return {3: ("not checked", "the proof leads to no root that could be signed"), 8: ("fails", str(refusal))}
    except SignatureInvalid as refusal:
        return {3: ("fails", f"the root that the proof leads to is not one that the log signed: {refusal}")}
    place = f"the statement is in that tree; the proof claims index {proof.index} of {proof.size}, not verified"
    return {3: ("holds", f"{receipt.issuer} signed the root {root.hex()}"), 8: ("holds", place)}


def _judge_log(known: Sequence[str], named: str) -> tuple[Outcome, str]:
    """Step 2. `named`: what the file calls the log's key by."""
    if not known:
        return "not checked", "no trusted log key was given, and this format does not carry one"
    if named in known:
        return "holds", f"the key of {named} is one you trust"
    return "fails", f"it is for {named}, which is not among the logs whose keys you trust"


def _steps(outcomes: dict[int, tuple[Outcome, str]]) -> tuple[Step, ...]:
    settled = []
    for number, name in STEP_NAMES.items():
        ground = _GROUND.get(number)
        missing: tuple[Outcome, str] = ("not checked", f"it depends on step {ground}" if ground else _LEFT_OUT)
        settled.append(Step(number, name, *outcomes.get(number, missing)))
    return tuple(settled)


def _unchecked_signature(statement: Statement) -> tuple[Outcome, str]:
    return "not checked", f"claims to be signed with key {statement.kid.hex()}; not verified"


def _statement(data: bytes | None) -> Statement | None:
    """The statement that some bytes are, if they are one."""
    if data is None:
        return None
    try:
        return parse_statement(data)
    except StatementError:
        return None


def _log_keys(keys: Sequence[VerifierKey]) -> list[VerifierKey]:
    return [key for key in keys if key.key_type == ED25519]


def _thumbprints(keys: Sequence[VerifierKey]) -> set[bytes]:
    return {_cose_key(key).thumbprint for key in _log_keys(keys)}


def _cose_key(key: VerifierKey) -> PublicKey:
    return PublicKey(Algorithm.ED25519, key.public)
