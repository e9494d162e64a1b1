"""Signers that are held elsewhere, by the URI that a setting names them with."""

from typing import TypeAlias

from provenance.errors import SettingsInvalid
from registry.keys import pkcs11, signing_process
from registry.keys.pkcs11 import Pkcs11Signer, Pkcs11Uri
from registry.keys.signing_process import ProcessSigner

HeldElsewhere: TypeAlias = Pkcs11Signer | ProcessSigner


def open_signer(uri: str) -> HeldElsewhere:
    """The signer of a `pkcs11:` URI (a token), or of `exec:` (a program of the operator's).

    Raises:
        SettingsInvalid: another scheme, or a URI that lacks something.
        SignerUnavailable: what it names cannot be used now.
        UnusableKey: a key that is neither Ed25519 nor P-256.
    """
    if uri.startswith(pkcs11.SCHEME):
        return Pkcs11Signer(Pkcs11Uri.parse(uri))
    if uri.startswith(signing_process.SCHEME):
        return ProcessSigner(uri)
    raise SettingsInvalid("a signer is named by a pkcs11: URI, or by exec: and a command line")
