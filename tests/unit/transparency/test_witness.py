"""A log and its witness, without a network between them."""

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.errors import MalformedExchange, MalformedNote, ProofInvalid, SignatureInvalid, UntrustedNote
from provenance.limits import (
    MAX_NOTE_SIGNATURES,
    MAX_PROOF_HASHES,
    MAX_TREE_SIZE,
    MAX_WITNESS_ANSWER_BYTES,
    MAX_WITNESS_REQUEST_BYTES,
)
from provenance.transparency.checkpoint import Checkpoint, cosign_checkpoint, open_checkpoint, sign_checkpoint
from provenance.transparency.merkle import EMPTY_ROOT
from provenance.transparency.ml_dsa import MlDsaSigner
from provenance.transparency.note import COSIGNATURE_V1, ML_DSA_44, Note, VerifierKey, sign_note
from provenance.transparency.witness import (
    SIZE_MEDIA_TYPE,
    TEXT_MEDIA_TYPE,
    AddCheckpoint,
    Cosigned,
    CosigningKey,
    Declined,
    OtherSize,
    Refusal,
    Witnessed,
    WitnessedLog,
    add_cosignatures,
    monitoring_path,
    read_response,
    respond,
)
from tests.logs.log import Tree
from tests.logs.records import signer, verifier_key

ORIGIN = "log.example/one"
NOW = 1_700_000_000


ML_DSA = MlDsaSigner.from_seed(hashlib.sha256(b"w1").digest())
WITNESS_KEYS = (
    CosigningKey(verifier_key("w1.example", COSIGNATURE_V1), signer("w1.example").sign),
    CosigningKey(VerifierKey("w1.example", ML_DSA_44, ML_DSA.public), ML_DSA.sign),
)
KNOWN = [each.key for each in WITNESS_KEYS]


class Log:
    """A log whose entries are their own numbers; `fork` gives one entry other bytes."""

    def __init__(self, origin: str = ORIGIN, fork: int | None = None) -> None:
        self.origin, self.fork = origin, fork

    def tree(self, size: int) -> Tree:
        return Tree(b"%d%s" % (number, b"!" if number == self.fork else b"") for number in range(size))

    def head(self, size: int) -> Checkpoint:
        return Checkpoint(self.origin, size, self.tree(size).root(size))

    def checkpoint(self, size: int) -> bytes:
        return sign_checkpoint(self.head(size), signer(self.origin).sign, verifier_key(self.origin).public)

    def request(self, old_size: int, size: int, *, claimed: int | None = None) -> AddCheckpoint:
        proof = self.tree(size).consistency(old_size, size)
        return AddCheckpoint(old_size if claimed is None else claimed, proof, self.checkpoint(size))


class Witness:
    """What a witness's server does around `answer`: look up, decide, store."""

    def __init__(self, *origins: str) -> None:
        self.logs = {origin: WitnessedLog((verifier_key(origin),)) for origin in origins}

    def post(self, body: bytes, *, time: int = NOW) -> Cosigned | Refusal:
        decision = respond(body, self.logs.get, WITNESS_KEYS, time=time)
        if isinstance(decision, Cosigned):
            new = decision.checkpoint
            self.logs[new.origin] = WitnessedLog(self.logs[new.origin].keys, new.size, new.root)
        return decision


LOG = Log()


def refused(decision: Cosigned | Refusal) -> Refusal:
    assert isinstance(decision, Refusal), decision
    return decision


def ask(witness: Witness, request: AddCheckpoint, keys: Sequence[VerifierKey]) -> Witnessed | OtherSize | Declined:
    decision = witness.post(request.serialise())
    return read_response(request, decision.status, decision.media_type, decision.body(), keys)


def test_a_growing_log_is_cosigned_at_every_size() -> None:
    witness, old = Witness(ORIGIN), 0
    for size in (0, 1, 1, 2, 7, 8, 8, 13, 64, 65):
        request = LOG.request(old, size)
        witnessed = ask(witness, request, KNOWN)
        assert isinstance(witnessed, Witnessed)
        assert [(each.key.key_type, each.time) for each in witnessed.cosigners] == [
            (COSIGNATURE_V1, NOW),
            (ML_DSA_44, NOW),
        ]
        note = add_cosignatures(request.checkpoint, witnessed.lines)
        checkpoint, cosigners = open_checkpoint(note, [verifier_key(ORIGIN), *KNOWN], ORIGIN)
        assert (checkpoint.size, cosigners) == (size, witnessed.cosigners)
        old = size


def test_a_log_that_does_not_know_the_size_is_told_and_can_prove_from_there() -> None:
    witness = Witness(ORIGIN)
    witness.post(LOG.request(0, 13).serialise())
    assert ask(witness, LOG.request(0, 20), KNOWN) == OtherSize(13)
    assert isinstance(ask(witness, LOG.request(13, 20), KNOWN), Witnessed)
    assert ask(witness, LOG.request(5, 13), KNOWN) == OtherSize(20), "more than the checkpoint has"


def test_a_conflict_names_the_size_in_its_own_media_type() -> None:
    witness = Witness(ORIGIN)
    witness.post(LOG.request(0, 13).serialise())
    refusal = refused(witness.post(LOG.request(0, 20).serialise()))
    assert (refusal.status, refusal.media_type, refusal.body()) == (409, "text/x.tlog.size", b"13\n")


def test_a_forked_log_is_never_cosigned() -> None:
    witness = Witness(ORIGIN)
    witness.post(LOG.request(0, 13).serialise())
    for size in (13, 14, 20):
        assert refused(witness.post(Log(fork=3).request(13, size).serialise())).status == 422
    assert isinstance(witness.post(Log(fork=15).request(13, 20).serialise()), Cosigned), "it forks later"
    assert refused(witness.post(LOG.request(20, 21).serialise())).status == 422
    assert witness.logs[ORIGIN].size == 20


def test_a_log_never_shrinks() -> None:
    witness = Witness(ORIGIN)
    witness.post(LOG.request(0, 13).serialise())
    body = b"old 13\n\n" + LOG.checkpoint(5)
    assert refused(witness.post(body)).status == 400
    assert refused(witness.post(b"old 5\n\n" + LOG.checkpoint(5))).status == 409
    assert refused(witness.post(b"old 0\n\n" + LOG.checkpoint(0))).status == 409


def test_an_unknown_log_is_not_found() -> None:
    assert refused(Witness("log.example/two").post(LOG.request(0, 5).serialise())).status == 404


def test_what_the_log_did_not_sign_is_forbidden() -> None:
    witness = Witness(ORIGIN)
    head = LOG.head(5)
    stranger = sign_note(head.text(), ORIGIN, signer("stranger").sign, verifier_key("stranger").public)
    assert refused(witness.post(b"old 0\n\n" + stranger.serialise())).status == 403
    good = Note.parse(LOG.checkpoint(5)).signatures[0]
    other = LOG.head(6)
    assert refused(witness.post(b"old 0\n\n" + Note(other.text(), (good,)).serialise())).status == 403
    both = Note(head.text(), (good, Note.parse(LOG.checkpoint(6)).signatures[0]))
    assert refused(witness.post(b"old 0\n\n" + both.serialise())).status == 403, "a known key's signature fails"


def test_signatures_by_others_do_no_harm_and_are_not_served_on() -> None:
    data = cosign_checkpoint(LOG.checkpoint(5), "w2", signer("w2").sign, verifier_key("w2").public, time=7)
    decision = Witness(ORIGIN).post(b"old 0\n\n" + data)
    assert isinstance(decision, Cosigned)
    assert [line.name for line in decision.note.signatures] == [ORIGIN, "w1.example", "w1.example"]
    assert open_checkpoint(decision.note.serialise(), [verifier_key(ORIGIN), *KNOWN], ORIGIN)[0] == decision.checkpoint


def test_a_log_may_sign_with_several_keys_of_other_names() -> None:
    """As the Go checksum database does: which keys speak for an origin is the witness's configuration."""
    keys = (verifier_key("one.example"), verifier_key("two.example"))
    head = LOG.head(5)
    note = sign_note(head.text(), "two.example", signer("two.example").sign, keys[1].public)
    decision = respond(b"old 0\n\n" + note.serialise(), {ORIGIN: WitnessedLog(keys)}.get, WITNESS_KEYS, time=NOW)
    assert isinstance(decision, Cosigned)


@pytest.mark.parametrize("flip", [0, 1, 2])
def test_a_proof_that_is_changed_is_unprocessable(flip: int) -> None:
    witness = Witness(ORIGIN)
    witness.post(LOG.request(0, 5).serialise())
    good = LOG.request(5, 7)
    proof = list(good.proof)
    proof[flip] = bytes([proof[flip][0] ^ 1]) + proof[flip][1:]
    assert refused(witness.post(AddCheckpoint(5, tuple(proof), good.checkpoint).serialise())).status == 422
    for other in ((), good.proof[:-1], (*good.proof, good.proof[0])):
        assert refused(witness.post(AddCheckpoint(5, other, good.checkpoint).serialise())).status == 422


def test_a_proof_where_none_is_needed_is_unprocessable() -> None:
    witness = Witness(ORIGIN)
    extra = (EMPTY_ROOT,)
    assert refused(witness.post(AddCheckpoint(0, extra, LOG.checkpoint(5)).serialise())).status == 422
    witness.post(LOG.request(0, 5).serialise())
    assert refused(witness.post(AddCheckpoint(5, extra, LOG.checkpoint(5)).serialise())).status == 422


def test_an_empty_tree_with_another_root_is_unprocessable() -> None:
    text = Checkpoint(ORIGIN, 1, bytes(32)).text().replace("\n1\n", "\n0\n")
    note = sign_note(text, ORIGIN, signer(ORIGIN).sign, verifier_key(ORIGIN).public)
    assert refused(Witness(ORIGIN).post(b"old 0\n\n" + note.serialise())).status == 422
    with pytest.raises(ProofInvalid):
        AddCheckpoint(0, (), note.serialise()).serialise()
    short = sign_note(f"{ORIGIN}\n0\n", ORIGIN, signer(ORIGIN).sign, verifier_key(ORIGIN).public)
    assert refused(Witness(ORIGIN).post(b"old 0\n\n" + short.serialise())).status == 400


GOOD = LOG.request(5, 7).serialise()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n",
        b"\n\n",
        GOOD[1:],
        GOOD[:-1],
        GOOD + b"\n",
        b"\n" + GOOD,
        GOOD.replace(b"old 5", b"old 05"),
        GOOD.replace(b"old 5", b"old -5"),
        GOOD.replace(b"old 5", b"old  5"),
        GOOD.replace(b"old 5", b"old 5 "),
        GOOD.replace(b"old 5", b"old"),
        GOOD.replace(b"old 5", b"old \xd9\xa5"),
        GOOD.replace(b"old 5", b"OLD 5"),
        GOOD.replace(b"old 5\n", b"old 5\r\n"),
        GOOD.replace(b"old 5", b"old 8"),
        GOOD.replace(b"old 5", b"old %d" % 2**63),
        GOOD.replace(b"=\n", b"\n", 1),
        GOOD.replace(b"=\n", b"=\n\n", 1),
        GOOD.replace(b"\n7\n", b"\n07\n"),
        b"old 5\n" + b"A" * 43 + b"=\n",
        b"old 5\n" + (b"A" * 43 + b"=\n") * (MAX_PROOF_HASHES + 1) + b"\n" + LOG.checkpoint(7),
        b"old 5\n\n" + b"x" * MAX_WITNESS_REQUEST_BYTES,
    ],
)
def test_a_body_of_another_form_is_a_bad_request(body: bytes) -> None:
    with pytest.raises(MalformedExchange):
        AddCheckpoint.parse(body)
    assert refused(Witness(ORIGIN).post(body)).status == 400


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=MAX_PROOF_HASHES), st.integers(0, MAX_TREE_SIZE))
def test_a_request_comes_back_as_it_went(proof: list[bytes], old_size: int) -> None:
    head = Checkpoint(ORIGIN, MAX_TREE_SIZE, bytes(32))
    checkpoint = sign_checkpoint(head, signer(ORIGIN).sign, verifier_key(ORIGIN).public)
    request = AddCheckpoint(old_size, tuple(proof), checkpoint)
    assert AddCheckpoint.parse(request.serialise()) == request


@pytest.mark.parametrize(
    "request_", [AddCheckpoint(-1, (), LOG.checkpoint(7)), AddCheckpoint(8, (), LOG.checkpoint(7))]
)
def test_a_request_that_could_not_be_read_is_not_written(request_: AddCheckpoint) -> None:
    with pytest.raises(MalformedExchange):
        request_.serialise()
    with pytest.raises(MalformedExchange):
        AddCheckpoint(0, (bytes(31),), LOG.checkpoint(7)).serialise()


@given(st.integers(0, len(GOOD)), st.integers(0, 3), st.binary(max_size=3))
def test_a_damaged_request_is_answered_or_refused(at: int, remove: int, noise: bytes) -> None:
    witness = Witness(ORIGIN)
    witness.post(LOG.request(0, 5).serialise())
    body = GOOD[:at] + noise + GOOD[at + remove :]
    decision = witness.post(body)
    if isinstance(decision, Cosigned):
        assert decision.checkpoint == LOG.head(7)
    else:
        assert decision.body().endswith(b"\n")


def test_a_witness_without_a_clock_does_not_sign() -> None:
    with pytest.raises(MalformedNote):
        Witness(ORIGIN).post(LOG.request(0, 5).serialise(), time=0)


def test_a_witness_whose_signer_holds_another_key_does_not_answer() -> None:
    wrong = (CosigningKey(KNOWN[0], signer("another").sign),)
    with pytest.raises(SignatureInvalid):
        respond(LOG.request(0, 5).serialise(), Witness(ORIGIN).logs.get, wrong, time=NOW)


def test_a_monitor_finds_the_checkpoint_by_the_hash_of_the_origin() -> None:
    assert monitoring_path(ORIGIN) == hashlib.sha256(ORIGIN.encode()).hexdigest() + "/checkpoint"


REQUEST = LOG.request(0, 7)


def lines(name: str, checkpoint: bytes, time: int = NOW, key_type: int = COSIGNATURE_V1) -> bytes:
    by = ML_DSA if key_type == ML_DSA_44 else signer(name)
    public = ML_DSA.public if key_type == ML_DSA_44 else verifier_key(name).public
    note = cosign_checkpoint(checkpoint, name, by.sign, public, time=time, key_type=key_type)
    return Note.parse(note).signatures[-1].line().encode() + b"\n"


GOOD_LINE = lines("w1.example", REQUEST.checkpoint)


def read(body: bytes, status: int = 200, media_type: str = TEXT_MEDIA_TYPE) -> Witnessed | OtherSize | Declined:
    return read_response(REQUEST, status, media_type, body, KNOWN)


def test_lines_by_other_witnesses_are_left_out() -> None:
    witnessed = read(lines("w2.example", REQUEST.checkpoint) + GOOD_LINE)
    assert isinstance(witnessed, Witnessed)
    assert [line.name for line in witnessed.lines] == ["w1.example"]


@pytest.mark.parametrize(
    "body",
    [
        lines("w2.example", REQUEST.checkpoint),
        lines("w1.example", LOG.checkpoint(8)),
        GOOD_LINE + lines("w1.example", LOG.checkpoint(8)),
        lines("w1.example", REQUEST.checkpoint, time=0),
        lines("w1.example", REQUEST.checkpoint, time=0, key_type=ML_DSA_44),
        lines("w1.example", LOG.checkpoint(8), key_type=ML_DSA_44),
    ],
)
def test_an_answer_that_does_not_cosign_this_checkpoint_is_not_trusted(body: bytes) -> None:
    with pytest.raises(UntrustedNote):
        read(body)


def test_a_plain_signature_is_no_cosignature() -> None:
    """The log's own line does not count, even where its key is among those of the witness."""
    body = Note.parse(REQUEST.checkpoint).signatures[0].line().encode() + b"\n"
    with pytest.raises(UntrustedNote):
        read_response(REQUEST, 200, TEXT_MEDIA_TYPE, body, [*KNOWN, verifier_key(ORIGIN)])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n",
        GOOD_LINE[:-1],
        GOOD_LINE + b"\n",
        b"\n" + GOOD_LINE,
        GOOD_LINE.replace(b"\n", b"\r\n"),
        GOOD_LINE[3:],
        b"\xff\n",
        REQUEST.checkpoint,
        GOOD_LINE * (MAX_NOTE_SIGNATURES + 1),
        b"x" * (MAX_WITNESS_ANSWER_BYTES + 1),
    ],
)
def test_an_answer_of_another_form_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedExchange):
        read(body)


@given(st.binary(max_size=100), st.sampled_from([200, 409]), st.integers(0, 200), st.integers(0, 9))
def test_any_answer_is_read_or_refused(noise: bytes, status: int, at: int, remove: int) -> None:
    for body in (noise, GOOD_LINE[:at] + noise + GOOD_LINE[at + remove :]):
        try:
            outcome = read(body, status, SIZE_MEDIA_TYPE)
        except (MalformedExchange, UntrustedNote):
            continue
        assert not isinstance(outcome, Witnessed) or GOOD_LINE in body


@pytest.mark.parametrize(
    ("status", "passing"),
    [(400, False), (403, False), (404, False), (409, False), (422, False), (429, True), (503, True)],
)
def test_a_refusal_says_whether_to_come_back(status: int, passing: bool) -> None:
    outcome = read("na\u00efve\x00 words\n".encode(), status)
    assert outcome == Declined(status, "nave words", passing)


def test_a_conflict_at_the_size_that_was_asked_is_another_tree() -> None:
    assert read(b"0\n", 409, SIZE_MEDIA_TYPE) == Declined(409, "0", False)
    assert read(b"5\n", 409, "Text/X.tlog.size; charset=utf-8") == OtherSize(5)
    assert read(b"5\n", 409, "text/plain") == Declined(409, "5", False)


@pytest.mark.parametrize("body", [b"", b"5", b"05\n", b"5\n\n", b"-5\n", b"5 \n", b"\xff\n", b"9" * 30 + b"\n"])
def test_a_conflict_without_a_size_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedExchange):
        read(body, 409, SIZE_MEDIA_TYPE)


def test_a_later_cosignature_takes_the_place_of_an_earlier_one() -> None:
    first, second = read(GOOD_LINE), read(lines("w1.example", REQUEST.checkpoint, NOW + 60))
    assert isinstance(first, Witnessed)
    assert isinstance(second, Witnessed)
    note = add_cosignatures(add_cosignatures(REQUEST.checkpoint, first.lines), second.lines)
    _, cosigners = open_checkpoint(note, [verifier_key(ORIGIN), *KNOWN], ORIGIN)
    assert [each.time for each in cosigners] == [NOW + 60]
    assert len(Note.parse(note).signatures) == 2
