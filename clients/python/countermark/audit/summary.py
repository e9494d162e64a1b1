"""The summary of an audit: what was asked, under which policy and checkpoints, counts, and the digests of the files.

`summary.json` may be signed: `summary.cose` is a COSE_Sign1 (RFC 9052 §4.2) whose payload, the bytes of summary.json,
is detached. Its content type keeps it apart from statements, which the same kind of key signs.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from countermark.audit.buckets import Bucket
from countermark.audit.folder import receipt_path, write_whole
from countermark.audit.options import Options
from countermark.audit.policy import AuditPolicy
from countermark.audit.proofs import check_checkpoint, check_consistency, check_receipt
from countermark.audit.report import ITEMS_JSONL, REPORT_HTML, Written, write_items, write_page, writing
from countermark.audit.sources import Sources
from countermark.audit.state import State
from countermark.content import CHUNK_BYTES
from provenance import __version__
from provenance.errors import CountermarkError, Exit, InvalidRequest, MalformedStatement, SignatureInvalid, UnusableKey
from provenance.limits import MAX_KEY_FILE_BYTES, MAX_RECEIPT_BYTES
from provenance.sentences import SENTENCES
from provenance.statement.cbor import CborReader, Major, encode_cbor
from provenance.statement.cose import ALG, ALGORITHMS, KID, encode_sign1, read_protected, to_be_signed
from provenance.statement.keys import SIGNATURE_BYTES, PublicKey, Signer
from provenance.transparency.checkpoint import stated_size

SUMMARY, SIGNATURE, RECEIPT_LIST = "summary.json", "summary.cose", "receipts.sha256"
FORMAT, VERSION = "countermark-audit-summary", 1
CONTENT_TYPE = "application/vnd.countermark.audit-summary+json"
_CONTENT_TYPE = 3
"""Label of the header that names the payload's type (RFC 9052 §3.1)."""
_KEY = -65_537
"""Label of the unprotected header with the public key, for private use (RFC 9052 §11.1): [algorithm, bytes]."""
_NULL = 22
"""Of CBOR: it stands for the payload."""

MAX_SUMMARY_BYTES = 8 * 1024 * 1024
"""Bytes of a summary: two checkpoints of up to a megabyte, and the paths that were named."""

DOES_NOT_SHOW = (
    "That something is not registered is the service's word: no proof shows it. So is what comparing pictures found. "
    "Receipts prove the records that items lead to, and that identical files are theirs."
)


def conclude(
    state: State,
    folder: Path,
    sources: Sources,
    options: Options,
    *,
    key: Signer | None = None,
    ended: str | None = None,
) -> dict[str, Any]:
    """Writes the report of what is settled, and the summary, which it returns.

    Args:
        key: signs the summary.
        ended: why the audit ended before everything was asked.

    Raises:
        StoreUnavailable: disk full or read-only.
    """
    policy = options.policy
    total, done, _ = state.progress()
    totals, files = write_items(state, policy, folder, full=options.full)
    receipts, files[RECEIPT_LIST] = _write_receipts(state, folder, options)
    complete = ended is None and done == total and not (options.receipts and receipts["unchecked"])
    summary: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "made_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "software": f"countermark {__version__}",
        "service": options.url,
        "sources": sources.described(),
        "options": {"send": options.send, "pictures": options.pictures, "receipts": options.receipts},
        "policy": policy.to_json(),
        "items": totals.items,
        "pending": total - done,
        "ended": ended,
        "buckets": {name: totals.buckets[name] for name in SENTENCES.buckets},
        "also": {name: number for name, number in sorted(totals.applying.items()) if name not in SENTENCES.buckets},
        "reasons": dict(sorted(totals.reasons.items())),
        "exit_status": int(policy.exit_status(totals.applying, complete=complete)),
        "checkpoints": _checkpoints(state),
        "receipts": receipts,
        "does_not_show": DOES_NOT_SHOW,
    }
    files[REPORT_HTML] = write_page(state, policy, folder, totals, summary)
    summary["files"] = {name: {"sha256": each.sha256, "bytes": each.size} for name, each in sorted(files.items())}
    data = json.dumps(summary, indent=1, ensure_ascii=True).encode() + b"\n"
    (folder / SIGNATURE).unlink(missing_ok=True)
    write_whole(folder / SUMMARY, data)
    if key is not None:
        write_whole(folder / SIGNATURE, sign_summary(data, key))
    return summary


def _checkpoints(state: State) -> dict[str, Any]:
    consistency = state.get("consistency")
    return {
        "first": state.get("first_checkpoint"),
        "last": state.get("last_checkpoint"),
        "consistency": None if consistency is None else json.loads(consistency),
    }


def _write_receipts(state: State, folder: Path, options: Options) -> tuple[dict[str, Any], Written]:
    """How many receipts hold; and the list of those in the folder, written as sha256sum writes it."""
    outcomes: Counter[str] = Counter()
    pinned = True
    with writing(folder / RECEIPT_LIST) as lines:
        for record in state.records():
            outcomes[record.outcome] += 1
            pinned = pinned and (record.pinned or record.outcome != "holds")
            file = receipt_path(folder, record.id)
            if record.outcome != "missing" and file.is_file():
                digest = hashlib.sha256(file.read_bytes()).hexdigest()
                lines.write(f"{digest}  {file.relative_to(folder).as_posix()}\n")
    counts = {outcome: outcomes[outcome] for outcome in ("holds", "fails", "missing")}
    unchecked = state.count_unchecked(options.policy.keys_digest)
    proven = {"unchecked": unchecked, "log_key_pinned": bool(outcomes["holds"]) and pinned}
    return counts | proven, lines.written()


# Signing ------------------------------------------------------------------------------------------


def sign_summary(summary: bytes, signer: Signer) -> bytes:
    """The COSE_Sign1 over the bytes of a summary, which are not in it."""
    key = signer.public_key
    protected = _protected(key)
    return encode_sign1(
        protected, {_KEY: [key.algorithm.cose, key.raw]}, None, signer.sign(to_be_signed(protected, summary))
    )


def verify_summary(summary: bytes, signature: bytes) -> PublicKey:
    """The key that signed a summary: whose it is, the caller has to know.

    Raises:
        MalformedStatement, SignatureInvalid: the signature is none of this summary.
    """
    try:
        protected, key, signed = _read_signature(signature)
    except UnusableKey as error:
        raise MalformedStatement(f"the signature names no usable key: {error}") from error
    expected = _protected(key)
    if protected != expected:
        raise MalformedStatement("the signature is not one of an audit's summary")
    key.verify(signed, to_be_signed(protected, summary))
    return key


def _protected(key: PublicKey) -> bytes:
    return encode_cbor({ALG: key.algorithm.cose, _CONTENT_TYPE: CONTENT_TYPE, KID: key.thumbprint})


def _read_signature(data: bytes) -> tuple[bytes, PublicKey, bytes]:
    """Protected headers, key and signature. Raises MalformedStatement, UnusableKey."""
    if len(data) > MAX_KEY_FILE_BYTES:
        raise MalformedStatement("a signature of a summary has some hundred bytes")
    message = CborReader(data)
    protected = read_protected(message)
    message.expect(Major.MAP, 1, "map of 1 unprotected header")
    message.expect(Major.NEGATIVE, -1 - _KEY, "unprotected header for the key")
    message.expect(Major.ARRAY, 2, "array of 2")
    algorithm = ALGORITHMS.get(message.integer("algorithm"))
    if algorithm is None:
        raise MalformedStatement("algorithm: EdDSA (-8) or ES256 (-7) expected")
    raw = message.byte_string("public key")
    message.expect(Major.SIMPLE, _NULL, "detached payload (null)")
    signature = message.byte_string("signature", SIGNATURE_BYTES)
    message.end("signature")
    return protected, PublicKey(algorithm, raw), signature


# Checking a folder --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Checked:
    """One thing that was checked of a folder. `outcome` is holds, fails, or not checked."""

    what: str
    outcome: str
    detail: str


def verify_folder(folder: Path, policy: AuditPolicy, signer: PublicKey | None = None) -> Iterator[Checked]:
    """Checks a report folder offline: signature, digests, counts, receipts, and the checkpoints' place in the log.

    Args:
        policy: its keys, witnesses and quorum count, not those that the summary states.
        signer: whose signature the summary must have; None: the key that the signature names is told.

    Raises:
        InvalidRequest: there is no summary, or it is none.
    """
    data = _read(folder / SUMMARY, MAX_SUMMARY_BYTES)
    summary = _parse(data)
    files, checkpoints, buckets = summary["files"], summary["checkpoints"], summary["buckets"]
    yield _signature(folder, data, signer)
    for name, stated in files.items():
        yield _file(folder, str(name), stated)
    yield from _items(folder, buckets, policy)
    yield from _history(checkpoints, policy)
    complete = summary.get("pending") == 0 and summary.get("ended") is None
    yield Checked(
        "complete", "holds" if complete else "not checked", "" if complete else "the audit ended before its end"
    )


def read_summary(folder: Path) -> dict[str, Any]:
    """The summary of a report folder. Raises InvalidRequest."""
    return _parse(_read(folder / SUMMARY, MAX_SUMMARY_BYTES))


def _parse(data: bytes) -> dict[str, Any]:
    try:
        summary: dict[str, Any] = json.loads(data)
        if (summary["format"], summary["version"]) != (FORMAT, VERSION):
            raise ValueError("it is of another format or version")
        for name in ("files", "checkpoints", "buckets"):
            summary[name] = dict(summary[name])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidRequest(f"this is no summary of an audit: {error}") from error
    return summary


def _signature(folder: Path, summary: bytes, signer: PublicKey | None) -> Checked:
    try:
        signature = _read(folder / SIGNATURE, MAX_KEY_FILE_BYTES)
    except InvalidRequest:
        outcome = "not checked" if signer is None else "fails"
        return Checked("signature", outcome, "the summary is not signed")
    try:
        key = verify_summary(summary, signature)
    except (MalformedStatement, SignatureInvalid) as error:
        return Checked("signature", "fails", str(error))
    if signer is None:
        return Checked(
            "signature", "not checked", f"by the key {key.thumbprint.hex()}: give the auditor's key (--signer)"
        )
    if key != signer:
        return Checked("signature", "fails", f"by another key, {key.thumbprint.hex()}")
    return Checked("signature", "holds", f"by the key {key.thumbprint.hex()}")


def _file(folder: Path, name: str, stated: Mapping[str, Any]) -> Checked:
    if Path(name).name != name:
        return Checked(name, "fails", "not a file of the folder")
    digest = hashlib.sha256()
    try:
        with (folder / name).open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        return Checked(name, "fails", error.strerror or str(error))
    same = digest.hexdigest() == stated.get("sha256")
    return Checked(name, "holds" if same else "fails", "" if same else "its digest is not the one in the summary")


def _items(folder: Path, buckets: Mapping[str, int], policy: AuditPolicy) -> Iterator[Checked]:
    """The counts, and the receipt of each record that an item leads to."""
    counted: Counter[str] = Counter()
    digests: dict[str, set[str]] = {}
    records: set[str] = set()
    try:
        with (folder / ITEMS_JSONL).open("rb") as lines:
            for line in lines:
                item = json.loads(line)
                counted[item["bucket"]] += 1
                if item["bucket"] != Bucket.COULD_NOT_CHECK and (record := item.get("record")) is not None:
                    records.add(str(record))
                    if item["bucket"] == Bucket.IDENTICAL:
                        digests.setdefault(str(record), set()).add(item["sha256"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        yield Checked("items", "fails", f"{ITEMS_JSONL} cannot be read: {error}")
        return
    same = {name: number for name, number in counted.items() if number} == {
        name: number for name, number in buckets.items() if number
    }
    yield Checked(
        "counts", "holds" if same else "fails", "" if same else "the items are not as many as the summary states"
    )
    yield from _proven(folder, sorted(records), digests, policy)


def _proven(
    folder: Path, records: list[str], digests: Mapping[str, set[str]], policy: AuditPolicy
) -> Iterator[Checked]:
    held, missing, unpinned = 0, 0, False
    for record in records:
        if len(record) != 64 or not set(record) <= set("0123456789abcdef"):
            yield Checked(f"receipt {record[:80]}", "fails", "no record has such a name")
            continue
        try:
            receipt = _read(receipt_path(folder, record), MAX_RECEIPT_BYTES)
        except InvalidRequest:
            missing += 1
            continue
        checked = check_receipt(record, receipt, policy)
        if checked.outcome != "holds":
            yield Checked(f"receipt {record}", "fails", checked.detail)
        elif not digests.get(record, set()) <= set(checked.facts["sha256"]):
            yield Checked(f"receipt {record}", "fails", "an identical file is not the one that the record is about")
        else:
            held += 1
            unpinned = unpinned or not checked.pinned
    if missing:
        yield Checked("receipts", "not checked", f"{missing:,} records have no receipt in the folder")
    if held and unpinned:
        yield Checked("receipts", "not checked", f"{held:,} hold if their log's key is right: give it (--vkey)")
    elif held:
        yield Checked("receipts", "holds", f"of {held:,} records")


def _history(checkpoints: Mapping[str, Any], policy: AuditPolicy) -> Iterator[Checked]:
    first, last = checkpoints.get("first"), checkpoints.get("last")
    if not isinstance(first, str) or not isinstance(last, str):
        return
    sizes = f"{stated_size(first.encode()):,} to {stated_size(last.encode()):,} entries"
    try:
        signed = all(check_checkpoint(note, policy) for note in {first, last})
    except CountermarkError as error:
        yield Checked("checkpoints", "fails", str(error))
        return
    consistency = checkpoints.get("consistency") or {}
    proof = check_consistency(first, last, list(consistency.get("proof") or ()))
    if proof["outcome"] == "holds" and signed:
        yield Checked("checkpoints", "holds", f"signed, and the log was only appended to: {sizes}")
    elif proof["outcome"] == "holds":
        yield Checked("checkpoints", "not checked", f"consistent, {sizes}; give the log's key (--vkey)")
    elif consistency.get("outcome") == "holds" or consistency.get("outcome") == "fails":
        yield Checked("checkpoints", "fails", f"the log was not only appended to, {sizes}: {proof['detail']}")
    else:
        yield Checked("checkpoints", "not checked", f"no proof was kept, {sizes}")


def exit_status(checked: list[Checked]) -> Exit:
    """Satisfied if everything holds."""
    outcomes = {each.outcome for each in checked}
    if "fails" in outcomes:
        return Exit.FINDINGS
    return Exit.INCOMPLETE if "not checked" in outcomes else Exit.SATISFIED


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror or error}") from error
    if len(data) > limit:
        raise InvalidRequest(f"{path} has more than {limit:,} bytes")
    return data
