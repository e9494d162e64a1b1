"""Trust policies: who has to have signed and cosigned."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.errors import MalformedPolicy, UntrustedNote
from provenance.limits import MAX_POLICY_BYTES, MAX_POLICY_NAMES
from provenance.transparency.checkpoint import Checkpoint, Cosigner, cosign_checkpoint, sign_checkpoint
from provenance.transparency.ml_dsa import MlDsaSigner
from provenance.transparency.note import COSIGNATURE_V1, ED25519, ML_DSA_44, VerifierKey
from provenance.transparency.policy import Group, Policy, Witness, missing, satisfied
from tests.logs.records import digest, signer

ORIGIN = "log.example/one"
ROOT = hashlib.sha256(b"root").digest()
NAMES = ("X1", "X2", "X3", "Y1", "Y2", "Y3")


def key(name: str, key_type: int = COSIGNATURE_V1) -> VerifierKey:
    if key_type == ML_DSA_44:
        return VerifierKey(name, ML_DSA_44, MlDsaSigner.from_seed(digest(name)).public)
    return VerifierKey(name, key_type, signer(name).public_key.raw)


LOG = f"log {key(ORIGIN, ED25519)}\n"
WITNESSES = "".join(f"witness {name} {key(f'{name}.example')}\n" for name in NAMES)
TWO_LEVELS = (
    LOG
    + WITNESSES
    + """
# Operators that have nothing to do with each other
group X-witnesses 2 X1 X2 X3
group Y-witnesses any Y1 Y2 Y3
group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""
)


def policy(text: str) -> Policy:
    return Policy.parse(text.encode())


def cosigners(*names: str) -> list[Cosigner]:
    return [Cosigner(key(f"{name}.example"), 1_700_000_000) for name in names]


def signed(*names: str, origin: str = ORIGIN) -> bytes:
    data = sign_checkpoint(Checkpoint(origin, 7, ROOT), signer(origin).sign, key(origin, ED25519).public)
    for name in (f"{name}.example" for name in names):
        data = cosign_checkpoint(data, name, signer(name).sign, key(name).public, time=9)
    return data


@pytest.mark.parametrize(
    ("cosigned", "holds", "wanted"),
    [
        ((), False, NAMES),
        (("X1", "X2"), False, ("Y1", "Y2", "Y3")),
        (("X1", "Y1"), False, ("X2", "X3")),
        (("Y1", "Y2", "Y3"), False, ("X1", "X2", "X3")),
        (("X1", "X3", "Y2"), True, ()),
        (NAMES, True, ()),
        (("stranger",), False, NAMES),
    ],
)
def test_a_quorum_of_groups_says_who_is_missing(
    cosigned: tuple[str, ...], holds: bool, wanted: tuple[str, ...]
) -> None:
    read = policy(TWO_LEVELS)
    assert satisfied(read, cosigners(*cosigned)) is holds
    assert tuple(witness.name for witness in missing(read, cosigners(*cosigned))) == wanted


def test_a_checkpoint_is_opened_when_log_and_quorum_signed_it() -> None:
    checkpoint, seen = policy(TWO_LEVELS).open(signed("X1", "X2", "Y3"))
    assert checkpoint == Checkpoint(ORIGIN, 7, ROOT)
    assert [each.key.name for each in seen] == ["X1.example", "X2.example", "Y3.example"]
    with pytest.raises(UntrustedNote, match=r"'Y1', 'Y2', 'Y3'"):
        policy(TWO_LEVELS).open(signed("X1", "X2"))


def test_a_checkpoint_of_an_unlisted_log_is_refused() -> None:
    with pytest.raises(UntrustedNote):
        policy(LOG + "quorum none\n").open(signed(origin="log.example/two"))
    with pytest.raises(UntrustedNote):
        policy("quorum none\n").open(signed())


def test_the_same_witness_twice_counts_once() -> None:
    read = policy(LOG + WITNESSES + "group two 2 X1 X2\nquorum two\n")
    with pytest.raises(UntrustedNote):
        read.open(signed("X1", "X1"))


def test_a_policy_may_ask_for_no_cosignature() -> None:
    read = policy(LOG + WITNESSES + "quorum none\n")
    assert satisfied(read, [])
    assert missing(read, []) == ()
    assert read.open(signed())[1] == ()


def test_a_quorum_may_be_one_witness() -> None:
    read = policy(WITNESSES + "quorum Y2\n")
    assert isinstance(read.quorum, Witness)
    assert satisfied(read, cosigners("Y2"))
    assert not satisfied(read, cosigners("Y1"))


def test_a_witness_does_not_pass_for_a_log_of_its_own_name() -> None:
    """An ML-DSA-44 cosignature has the same form by a log and by a witness."""
    witness = MlDsaSigner.from_seed(digest("w.example"))
    stranger = sign_checkpoint(Checkpoint("w.example", 7, ROOT), signer("s").sign, key("s", ED25519).public)
    data = cosign_checkpoint(stranger, "w.example", witness.sign, witness.public, time=9, key_type=ML_DSA_44)
    line = f"witness w {key('w.example', ML_DSA_44)}\n"
    with pytest.raises(UntrustedNote):
        policy(LOG + line + "quorum none\n").open(data)
    with pytest.raises(UntrustedNote):
        policy(LOG + line + "quorum w\n").open(data)
    as_log = f"log {key('w.example', ML_DSA_44)}\n"
    assert policy(as_log + "quorum none\n").open(data)[0].origin == "w.example"


def test_blanks_tabs_comments_and_addresses_are_read() -> None:
    read = policy(
        f"\n  # a comment with é\n\t{LOG.strip()}\t  https://log.example/  \n"
        f"witness\tw {key('w.example')} https://w.example/submit\n\nquorum   w  \n"
    )
    assert (read.logs[0].url, read.witnesses[0].url) == ("https://log.example/", "https://w.example/submit")
    assert read.logs[0].key.name == ORIGIN


def test_names_are_octets_and_not_letters() -> None:
    kelvin, k, broken = "\u212a".encode(), b"K", b"\xff"
    lines = [b"witness %s %s\n" % (name, str(key(ascii(name))).encode()) for name in (kelvin, k, broken)]
    read = Policy.parse(b"".join([*lines, b"group g all K ", kelvin, b" \xff\nquorum g\n"]))
    assert isinstance(read.quorum, Group)
    assert len({member.name for member in read.quorum.members}) == 3


X = WITNESSES


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "newline"),
        ("\n", "without a quorum"),
        (LOG, "without a quorum"),
        ("quorum none", "newline"),
        ("quorum none\r\n", "control"),
        ("quorum none\x7f\n", "control"),
        ("quorum none\nquorum none\n", "line 2: a second quorum"),
        ("quorum\n", "line 1: not a"),
        ("quorum a b\n", "line 1: not a"),
        ("quorum X1\n" + X, "line 1: 'X1' is not defined"),
        ("Quorum none\n", "line 1: not a"),
        ("quorum none # really\n", "line 1: not a"),
        ("quorum\u00a0none\n", "line 1: not a"),
        ("log\nquorum none\n", "line 1: not a"),
        ("log nonsense\nquorum none\n", "line 1: a verifier key"),
        (LOG.strip() + " a b\nquorum none\n", "line 1: not a"),
        (LOG * 2 + "quorum none\n", "line 2: two logs"),
        (f"log {VerifierKey('other', ED25519, key(ORIGIN, ED25519).public)}\n{LOG}quorum none\n", "two logs"),
        (f"log {key(ORIGIN)}\nquorum none\n", "a log's key"),
        (f"witness w {key(ORIGIN, ED25519)}\nquorum none\n", "a witness's key"),
        (f"witness w {key('w')}\nwitness v {key('w')}\nquorum none\n", "two witnesses"),
        (f"witness w {key('w')}\nwitness w {key('v')}\nquorum none\n", "'w' is taken"),
        (f"witness none {key('w')}\nquorum none\n", "'none' is taken"),
        (X + "group X1 any X1\nquorum none\n", "'X1' is taken"),
        (X + "group g any\nquorum none\n", "without members"),
        (X + "group g any none\nquorum none\n", "'none' is not defined"),
        (X + "group g any g\nquorum none\n", "'g' is not defined"),
        (X + "group g any h X1\ngroup h any g X2\nquorum none\n", "'h' is not defined"),
        (X + "group g any X1 X1\nquorum none\n", "member of a group already"),
        (X + "group g any X1\ngroup h any X1 X2\nquorum none\n", "member of a group already"),
        (X + "group g 0 X1\nquorum none\n", "one of its members"),
        (X + "group g 3 X1 X2\nquorum none\n", "not a decimal"),
        (X + "group g 01 X1 X2\nquorum none\n", "not a decimal"),
        (X + "group g +1 X1 X2\nquorum none\n", "not a decimal"),
        (X + "group g ALL X1 X2\nquorum none\n", "not a decimal"),
        (X + f"group g {'9' * 10_000} X1 X2\nquorum none\n", "not a decimal"),
    ],
)
def test_a_policy_that_breaks_a_rule_is_refused_by_its_line(text: str, why: str) -> None:
    with pytest.raises(MalformedPolicy, match=why):
        policy(text)


def test_a_policy_is_bounded_before_it_is_read() -> None:
    with pytest.raises(MalformedPolicy, match="bytes"):
        Policy.parse(b"#" * MAX_POLICY_BYTES + b"\nquorum none\n")
    with pytest.raises(MalformedPolicy, match="more than"):
        policy("".join(f"witness w{number} {key(str(number))}\n" for number in range(MAX_POLICY_NAMES + 1)))


def test_the_deepest_policy_that_is_taken_can_be_used() -> None:
    groups = ["group g0 any X1\n", *(f"group g{n} all g{n - 1}\n" for n in range(1, MAX_POLICY_NAMES))]
    read = policy(X + "".join(groups) + f"quorum g{MAX_POLICY_NAMES - 1}\n")
    assert satisfied(read, cosigners("X1"))
    assert not satisfied(read, cosigners("X2"))
    assert [witness.name for witness in missing(read, [])] == ["X1"]
    assert read == policy(X + "".join(groups) + f"quorum g{MAX_POLICY_NAMES - 1}\n")
    with pytest.raises(MalformedPolicy, match="groups"):
        policy(X + "".join(groups) + f"group one-more any g{MAX_POLICY_NAMES - 1}\nquorum none\n")


@given(st.sets(st.sampled_from(NAMES)), st.sets(st.sampled_from(NAMES)))
def test_one_more_cosignature_never_loses_a_quorum(some: set[str], more: set[str]) -> None:
    read = policy(TWO_LEVELS)
    assert satisfied(read, cosigners(*some | more)) >= satisfied(read, cosigners(*some))
    assert satisfied(read, cosigners(*some)) == (not missing(read, cosigners(*some)))
    assert not {witness.name for witness in missing(read, cosigners(*some))} & some


@given(st.binary(max_size=60), st.integers(0, 2_000), st.integers(0, 30))
def test_any_bytes_are_a_policy_or_refused(noise: bytes, at: int, remove: int) -> None:
    data = TWO_LEVELS.encode()
    for each in (noise, data[:at] + noise + data[at + remove :]):
        try:
            satisfied(Policy.parse(each), [])
        except MalformedPolicy as refusal:
            str(refusal).encode()
