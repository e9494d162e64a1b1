"""External signers, opened by the URI that a setting names them with."""

from typing import TypeAlias

from provenance.errors import SettingsInvalid
from registry.keys import pkcs11, signing_process
from registry.keys.pkcs11 import Pkcs11Signer, Pkcs11Uri
from registry.keys.signing_process import ProcessSigner

ExternalSigner: TypeAlias = Pkcs11Signer | ProcessSigner


def open_signer(uri: str) -> ExternalSigner:
    """The signer of a `pkcs11:` URI (a token), or of an `exec:` URI (a program of the operator).

    Raises:
        SettingsInvalid: another scheme, or an incomplete URI.
        SignerUnavailable: the token or program cannot be used now.
        UnusableKey: a key that is neither Ed25519 nor P-256.
    """
    if uri.startswith(pkcs11.SCHEME):
        return Pkcs11Signer(Pkcs11Uri.parse(uri))
    if uri.startswith(signing_process.SCHEME):
        return ProcessSigner(uri)
    raise SettingsInvalid("a signer is named by a pkcs11: URI, or by exec: and a command line")
