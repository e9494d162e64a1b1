"""Keys on a PKCS#11 token, with SoftHSM: a real token's library, its keys in files."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from provenance.errors import SettingsInvalid, SignerUnavailable, StoreCorrupt
from provenance.receipts.procedure import verify_receipt
from provenance.statement.keys import Algorithm
from provenance.transparency.checkpoint import open_checkpoint
from registry.keys.pkcs11 import Pkcs11Signer, Pkcs11Uri
from registry.keys.signer_uri import open_signer
from tests.unit.registry.log_folder import ORIGIN, Log

PIN = "24681357"

MakeKey = Callable[[str, Algorithm], None]
SignerOf = Callable[[str], Pkcs11Signer]


@pytest.fixture(scope="module")
def token(softhsm: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A fresh token; gives the URI of its keys, where {} stands for what names one."""
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\n")
    (folder / "pin").write_text(f"{PIN}\n")
    os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")
    options = ["--init-token", "--free", "--label", "tests", "--pin", PIN, "--so-pin", "1357"]
    subprocess.run(["softhsm2-util", *options], check=True, capture_output=True)
    yield f"pkcs11:token=tests;{{}}?module-path={softhsm}&pin-source=file:{folder}/pin"
    del os.environ["SOFTHSM2_CONF"]


GENERATE = """
import sys
import pkcs11
from pkcs11.util.ec import encode_named_curve_parameters

library, pin, label, kind = sys.argv[1:]
curve = bytes.fromhex("06032b6570") if kind == "EC_EDWARDS" else encode_named_curve_parameters("secp256r1")
with pkcs11.lib(library).get_token(token_label="tests").open(user_pin=pin, rw=True) as session:
    curve = {pkcs11.Attribute.EC_PARAMS: curve}
    parameters = session.create_domain_parameters(pkcs11.KeyType[kind], curve, local=True)
    _, private = parameters.generate_keypair(store=True, label=label, id=label.encode())
    assert private[pkcs11.Attribute.SENSITIVE] and not private[pkcs11.Attribute.EXTRACTABLE]
"""


@pytest.fixture(scope="module")
def make_key(token: str, softhsm: str) -> MakeKey:
    """Makes a key pair on the token, from another process as an operator does."""
    del token

    def make(label: str, algorithm: Algorithm) -> None:
        kind = "EC_EDWARDS" if algorithm is Algorithm.ED25519 else "EC"
        subprocess.run([sys.executable, "-c", GENERATE, softhsm, PIN, label, kind], check=True)

    return make


@pytest.fixture
def signer_of(token: str) -> Iterator[SignerOf]:
    """Opens the signer of what names a key, and closes it after the test."""
    signers: list[Pkcs11Signer] = []

    def opened(name: str) -> Pkcs11Signer:
        signer = open_signer(token.format(name))
        assert isinstance(signer, Pkcs11Signer)
        signers.append(signer)
        return signer

    yield opened
    for signer in signers:
        signer.close()


pytestmark = pytest.mark.token


@pytest.mark.parametrize("algorithm", list(Algorithm))
@pytest.mark.parametrize("name", ["object={}", "id={}"])
def test_signatures_of_a_token_verify_under_its_public_key(
    make_key: MakeKey, signer_of: SignerOf, algorithm: Algorithm, name: str
) -> None:
    label = f"{algorithm.value}-{name[:2]}"
    make_key(label, algorithm)
    signer = signer_of(name.format(label))
    assert signer.public_key.algorithm is algorithm
    for message in (b"", b"a message", bytes(100_000)):
        signer.public_key.verify(signer.sign(message), message)


def test_the_private_key_does_not_leave_the_token(make_key: MakeKey, signer_of: SignerOf) -> None:
    import pkcs11

    make_key("kept", Algorithm.ED25519)
    signer = signer_of("object=kept")
    with pytest.raises(pkcs11.PKCS11Error):
        _ = signer._key[pkcs11.Attribute.VALUE]


@pytest.mark.timing
def test_many_threads_sign_with_one_token(make_key: MakeKey, signer_of: SignerOf) -> None:
    make_key("threads", Algorithm.ED25519)
    signer = signer_of("object=threads")
    signatures: dict[bytes, bytes] = {}

    def sign(number: int) -> None:
        for each in range(20):
            message = b"%d/%d" % (number, each)
            signatures[message] = signer.sign(message)

    threads = [threading.Thread(target=sign, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(signatures) == 160
    for message, signature in signatures.items():
        signer.public_key.verify(signature, message)


def test_a_session_that_broke_is_opened_anew(make_key: MakeKey, signer_of: SignerOf) -> None:
    make_key("broken", Algorithm.ED25519)
    signer = signer_of("object=broken")
    signer._session.close()
    signer.public_key.verify(signer.sign(b"again"), b"again")


def test_two_keys_of_one_token_are_used_side_by_side_and_one_after_the_other(
    make_key: MakeKey, signer_of: SignerOf
) -> None:
    make_key("one", Algorithm.ED25519)
    make_key("two", Algorithm.ES256)
    one, two = signer_of("object=one"), signer_of("object=two")
    for signer in (one, two, one):
        signer.public_key.verify(signer.sign(b"side by side"), b"side by side")
    one.close()  # which ends the login of both
    two.public_key.verify(two.sign(b"after"), b"after")


def test_what_the_token_does_not_have_is_said(token: str, make_key: MakeKey, softhsm: str) -> None:
    make_key("twice", Algorithm.ED25519)
    make_key("twice", Algorithm.ED25519)
    make_key("good", Algorithm.ED25519)
    good = token.format("object=good")
    for uri, why in {
        token.format("object=none"): "0 private keys",
        token.format("object=twice"): "2 private keys",
        good.replace("token=tests", "token=another"): "cannot be opened",
        good.partition("&")[0] + "&pin-value=0000": "cannot be opened",
        good.replace(softhsm, "/nowhere/lib.so"): "cannot be opened",
        good.partition("&")[0] + "&pin-source=file:/nowhere/pin": "PIN file",
    }.items():
        with pytest.raises(SignerUnavailable, match=why) as refusal:
            open_signer(uri)
        assert "0000" not in str(refusal.value)


@pytest.mark.parametrize(
    "uri",
    [
        "pkcs11:",
        "pkcs11:object=log?module-path=/lib.so&pin-value=1",
        "pkcs11:token=t?module-path=/lib.so&pin-value=1",
        "pkcs11:token=t;object=log?pin-value=1",
        "pkcs11:token=t;object=log?module-path=/lib.so",
        "pkcs11:token=t;object=log?module-path=/lib.so&pin-value=1&pin-source=file:/pin",
        "pkcs11:token=t;token=u;object=log?module-path=/lib.so&pin-value=1",
        "pkcs11:token=t;object=log;pin-value=1?module-path=/lib.so",
        "pkcs11:token=t;object=log;type=public?module-path=/lib.so&pin-value=1",
        "pkcs11:token=t;object?module-path=/lib.so&pin-value=1",
        "pkcs11:token=%ff;object=log?module-path=/lib.so&pin-value=1",
        "https://kms.example/key",
        "exec:",
        "exec:'unbalanced",
    ],
)
def test_a_uri_that_names_no_key_is_a_setting_to_correct(uri: str) -> None:
    with pytest.raises(SettingsInvalid):
        open_signer(uri)


def test_the_pin_is_not_shown() -> None:
    uri = Pkcs11Uri.parse("pkcs11:token=a%20b;object=log?module-path=/lib.so&pin-value=2468%2b")
    assert (uri.token, uri.read_pin()) == ("a b", "2468+")
    assert "2468" not in repr(uri)


def test_a_log_signs_with_keys_on_a_token_and_changes_to_the_next_one(
    token: str, make_key: MakeKey, signer_of: SignerOf, tmp_path: Path
) -> None:
    for label in ("log-1", "log-2", "operator"):
        make_key(label, Algorithm.ES256 if label == "operator" else Algorithm.ED25519)
    public = signer_of("object=log-2").public_key.raw
    held: dict[str, Any] = {role: token.format(f"object={role}") for role in ("operator",)}
    first, second = (held | {"log": token.format(f"object=log-{number}")} for number in (1, 2))
    folder = tmp_path / "data"
    with Log(folder, signers=first) as log:
        assert not {"log.pem", "operator.pem"} & {path.name for path in (folder / "keys").iterdir()}
        log.grow()
        old = log.sequencer.key
        before = log.receipt(0)
        done = log.rotate(successor=open_signer(second["log"]))
        log.grow()
        assert log.findings() == []
    with pytest.raises(StoreCorrupt, match="COUNTERMARK_LOG_SIGNER"):
        Log(folder, signers=first)
    with Log(folder, signers=second) as log:
        log.grow()
        open_checkpoint(log.sequencer.checkpoint(), done.keys, ORIGIN)
        assert verify_receipt(before, trusted_keys=[old]).holds
        assert verify_receipt(log.receipt(0), trusted_keys=[old]).log_key_pinned
        assert log.findings() == []
        assert log.sequencer.key.public == public
