"""An audit: all entries of a log hashed again, and compared with every root and tile that the log shows.

C2SP tlog-tiles, read as a monitor reads them. It goes bundle by bundle and holds the right edge of the tree and one
bundle, whatever the size of the log; what has to be kept between two audits is an `AuditState`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from provenance.errors import (
    EntryTooLarge,
    MalformedStatement,
    MalformedTile,
    ProofInvalid,
    SignatureInvalid,
    UntrustedNote,
)
from provenance.limits import MAX_AUDIT_FINDINGS, MAX_COUNTED_KEYS, TILE_WIDTH
from provenance.statement.statement import Statement, parse_statement
from provenance.transparency.checkpoint import Checkpoint, SignedCheckpoint
from provenance.transparency.merkle import leaf_hash
from provenance.transparency.note import ED25519, VerifierKey
from provenance.transparency.signer_audit import SignerAudit
from provenance.transparency.tiles import Edge, Fetch, TilePath, TileReader, read_entries, read_tile

Form = Literal["statements", "bytes"]
"""What the entries of a log are: Countermark's statements, or bytes that are hashed and not read."""

Visit = Callable[[int, bytes, Statement | None], None]
"""Takes (index, entry, its statement where entries are those) of each entry beyond the tree that was seen last."""

AuditFindingKind = Literal[
    "checkpoint", "rolled back", "fork", "history", "root", "tile", "entries", "statement", "signature"
]


@dataclass(frozen=True)
class AuditState:
    """How far a log has been audited: all that the next audit needs.

    Attributes:
        seen: signed note of the largest tree whose root was recomputed; None before the first.
        target: signed note that an audit was working towards when it was cut short: to be audited before a newer one.
        size: entries in whole bundles that were hashed; a multiple of 256.
        nodes: the perfect subtrees over those, largest first (`merkle.Frontier.nodes`).
        form: what the entries are; None as long as there was none.
        by_key: statements among those entries, by key id.
        uncounted: statements by further keys than are counted one by one.
        key_records: (index, record id) of the records among those entries that name keys; None where it was not checked
            who signed.
    """

    seen: bytes | None = None
    target: bytes | None = None
    size: int = 0
    nodes: tuple[bytes, ...] = ()
    form: Form | None = None
    by_key: Mapping[bytes, int] = field(default_factory=dict)
    uncounted: int = 0
    key_records: tuple[tuple[int, bytes], ...] | None = None

    def from_the_start(self) -> "AuditState":
        """A state from which every entry is hashed again, and compared with what the log has signed."""
        return AuditState(self.seen, self.target, form=self.form)


@dataclass(frozen=True)
class AuditFinding:
    """A way in which the log breaks its promises.

    Attributes:
        kind: `checkpoint`: malformed, or not of this log · `rolled back`: smaller than it was · `fork`: two signed
            roots of one size · `history`: the tree does not begin with the one that was signed before · `root`: the
            entries do not lead to the signed root · `tile`, `entries`: a file is missing, or not what it has to be ·
            `statement`: an entry is malformed · `signature`: an entry is not signed with a key that was in force there.
        detail: a sentence for people.
        evidence: the signed notes that contradict each other, or the entry.
    """

    kind: AuditFindingKind
    detail: str
    evidence: tuple[bytes, ...] = ()


class Audit:
    """One audit of one log. `steps` does the work; the attributes say what came of it.

    Attributes:
        checkpoint: the tree that is audited.
        cosigners: the witnesses among the caller's keys that cosigned it.
        findings: in the order they were made, at most `MAX_AUDIT_FINDINGS`. None means that all six steps hold.
        form: what the entries are.
        by_key: statements by key id, and `uncounted` those by further keys.
    """

    # The procedure, as docs/how-to/audit.md has it:
    #
    #   1. The checkpoint parses, and is signed with the log's key for its origin; with its ML-DSA-44 key, too, where
    #      the caller knows one.
    #   2. It is not smaller than the one that was seen last; if it is of the same size, it has the same root.
    #   3. Every bundle has exactly the entries of its place; each is one canonical statement, if the log is of those,
    #      and signed with a key that was in force there, if the caller has the log's records looked up (`signers`).
    #   4. The hash tiles, of all levels, are those that the entries make.
    #   5. At the size of the checkpoint that was seen last, the entries lead to its root: the log has only grown.
    #   6. At the size of this checkpoint, they lead to its root.
    #
    # The caller still owes: where the log's key comes from; that others are shown the same checkpoint (witnesses);
    # and whether the statements are true.

    def __init__(
        self,
        note: bytes,
        keys: Sequence[VerifierKey],
        fetch: Fetch,
        state: AuditState,
        *,
        form: Form | None = None,
        visit: Visit | None = None,
        signers: SignerAudit | None = None,
    ) -> None:
        """Steps 1 and 2.

        Args:
            note: the checkpoint, as the log serves it.
            keys: the log's (Ed25519, and perhaps ML-DSA-44, of one name), and those of witnesses.
            fetch: gets the log's files; what it raises ends `steps`, and `state` is then to be kept.
            state: of the audit before.
            form: what the entries have to be; by default as the state says, or else as the first entry shows.
            visit: told of each entry beyond the tree that was seen last.
            signers: checks who signed; it goes on where that of the state before left off.

        Raises:
            MalformedNote: step 1 fails: no checkpoint.
            UntrustedNote: step 1 fails: not one of this log; or there is no key of a log, or of more than one.
        """
        origin = log_origin(keys)
        self.checkpoint, self.cosigners = SignedCheckpoint.parse(note).verify_both(keys, origin)
        self.findings: list[AuditFinding] = []
        self.form: Form | None = form or state.form
        self.by_key = Counter(dict(state.by_key))
        self.uncounted = state.uncounted
        self._note = note
        self._fetch = fetch
        self._visit = visit
        self._signers = signers
        self._begun = self._kept = state
        self._rejects_state = False
        self._edge = Edge()
        self._seen = None if state.seen is None else SignedCheckpoint.parse(state.seen).checkpoint
        if self._seen is not None:
            self._compare_checkpoints(self._seen)

    @property
    def size(self) -> int:
        """Entries hashed so far, those of earlier audits included."""
        return self._edge.size

    @property
    def state(self) -> AuditState:
        """What to keep: what was gone through without a finding; or nothing, where wrong entries may be in that."""
        return self._begun.from_the_start() if self._rejects_state else self._kept

    def steps(self) -> Iterator[int]:
        """Steps 3 to 6; yields the number of entries hashed, around each bundle. Raises what `fetch` raises."""
        if self.findings:
            return
        try:
            self._resume()
            self._compare_roots()
            yield self.size
            while self.size < self.checkpoint.size and len(self.findings) < MAX_AUDIT_FINDINGS:
                self._read_bundle()
                yield self.size
        except MalformedTile as refusal:
            self._find("entries", str(refusal))
        self._conclude()

    def _compare_checkpoints(self, seen: Checkpoint) -> None:
        """Step 2."""
        if self.checkpoint.size < seen.size:
            detail = f"the log shows {self.checkpoint.size} entries, and has signed {seen.size}"
            self._find("rolled back", detail, *self._notes())
        elif self.checkpoint.size == seen.size and self.checkpoint.root != seen.root:
            self._find("fork", f"the log has signed two roots for {seen.size} entries", *self._notes())

    def _resume(self) -> None:
        """Resume where the previous audit ended, from hash tiles that lead to the nodes computed then."""
        if self._begun.size == 0:
            return
        try:
            self._edge = Edge.load(self._begun.size, TileReader(self._fetch, self.checkpoint.size))
        except ProofInvalid as refusal:  # not a size that a state can have
            raise MalformedTile(str(refusal)) from refusal
        if self._edge.frontier().nodes != self._begun.nodes:
            self._rejects_state = True
            raise MalformedTile(f"the tiles over the first {self._begun.size} entries have changed")

    def _read_bundle(self) -> None:
        """Step 3 for one bundle, 4 for the tiles that it fills, 5 and 6 for the sizes that it passes."""
        first = self.size
        width = min(TILE_WIDTH, self.checkpoint.size - first)
        filled: list[tuple[TilePath, bytes]] = []
        for index, entry in enumerate(read_entries(self._fetch, TilePath(None, first // TILE_WIDTH, width)), first):
            statement = self._read_statement(index, entry)
            filled += self._edge.append(entry, leaf_hash(entry))
            self._compare_roots()
            if self._visit is not None and (self._seen is None or index >= self._seen.size):
                self._visit(index, entry, statement)
        self._compare_tiles(filled)
        if width == TILE_WIDTH and not self.findings:
            self._kept = AuditState(
                self._begun.seen,
                self._note,
                self.size,
                self._edge.frontier().nodes,
                self.form,
                dict(self.by_key),
                self.uncounted,
                None if self._signers is None else self._signers.key_records,
            )

    def _read_statement(self, index: int, entry: bytes) -> Statement | None:
        if self.form == "bytes":
            return None
        try:
            statement = parse_statement(entry)
        except (MalformedStatement, EntryTooLarge) as refusal:
            if self.form is None:
                self.form = "bytes"
            else:
                self._find("statement", f"entry {index} is no statement: {refusal}", entry)
            return None
        self.form = "statements"
        if statement.kid in self.by_key or len(self.by_key) < MAX_COUNTED_KEYS:
            self.by_key[statement.kid] += 1
        else:
            self.uncounted += 1
        if self._signers is not None:
            try:
                self._signers.check(index, statement)
            except SignatureInvalid as refusal:
                self._find("signature", f"entry {index}: {refusal}", entry)
        return statement

    def _compare_tiles(self, made: Iterable[tuple[TilePath, bytes]]) -> None:
        """Step 4, for hash tiles: that the bundles are those of the entries goes without saying."""
        for path, data in made:
            if path.level is None:
                continue
            try:
                served = read_tile(self._fetch, path)
            except MalformedTile as refusal:
                self._find("tile", str(refusal))
                continue
            if served != data:
                self._find("tile", f"{path} does not have the hashes of the entries")

    def _compare_roots(self) -> None:
        """Steps 5 and 6, at the sizes of the two checkpoints."""
        if self._seen is not None and self.size == self._seen.size and self._edge.root() != self._seen.root:
            detail = f"the first {self.size} entries have changed: they do not lead to the root that was signed then"
            self._find("history", detail, *self._notes())
        if self.size == self.checkpoint.size and self._edge.root() != self.checkpoint.root:
            self._find("root", f"the {self.size} entries do not lead to the root that is signed", self._note)

    def _conclude(self) -> None:
        """Step 4 for the tiles that are not full; then what the findings mean together."""
        whole = self.size == self.checkpoint.size
        if whole:
            self._compare_tiles(self._edge.partial())
        kinds = {finding.kind for finding in self.findings}
        self._rejects_state |= bool(kinds & {"history", "root"})
        if "root" in kinds or not whole:  # wrong entries prove nothing about what was signed before
            self.findings = [finding for finding in self.findings if finding.kind != "history"]
        if not self.findings:
            self._kept = replace(self._kept, seen=self._note, target=None, form=self.form)

    def _notes(self) -> tuple[bytes, ...]:
        """What was signed before, and what is signed now."""
        return (self._note,) if self._begun.seen is None else (self._begun.seen, self._note)

    def _find(self, kind: AuditFindingKind, detail: str, *evidence: bytes) -> None:
        if len(self.findings) < MAX_AUDIT_FINDINGS:
            self.findings.append(AuditFinding(kind, detail, evidence))


def log_origin(keys: Sequence[VerifierKey]) -> str:
    """The name of the log whose Ed25519 keys are among these. Raises UntrustedNote where that is not one log."""
    names = {key.name for key in keys if key.key_type == ED25519}
    if len(names) != 1:
        raise UntrustedNote("the Ed25519 verifier keys of one log are needed; those of witnesses may stand beside them")
    return names.pop()
