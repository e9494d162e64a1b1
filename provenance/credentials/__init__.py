"""C2PA Content Credentials: made for registered pictures, read from anybody's.

The only package that imports `c2pa`. Nothing here opens a connection, with one exception that the caller
asks for: a `ClaimSigner` with a `tsa_url` makes c2pa ask that authority for a time stamp. c2pa reads the clock
to tell whether a certificate has expired, and draws the salts and the URN of a new manifest; there is no way
to hand them in.

Standard: C2PA Technical Specification 2.2 and later; the library is c2pa-rs through c2pa-python.
"""

from provenance.credentials.certificates import (
    DEVELOPMENT_AUTHORITY,
    IssuedCertificate,
    check_claim_certificate,
    issue_claim_certificate,
    make_development_authority,
)
from provenance.credentials.claim import (
    Action,
    ClaimDescription,
    SoftBinding,
)
from provenance.credentials.probe import probe
from provenance.credentials.reading import read_credentials
from provenance.credentials.report import (
    CredentialReport,
    CredentialState,
    IngredientReport,
    explain_problem,
)
from provenance.credentials.signing import ClaimSigner, SignedCredential, sign_embedded, sign_sidecar
from provenance.credentials.trust import TrustList, TrustSettings

__all__ = [
    "DEVELOPMENT_AUTHORITY",
    "Action",
    "ClaimDescription",
    "ClaimSigner",
    "CredentialReport",
    "CredentialState",
    "IngredientReport",
    "IssuedCertificate",
    "SignedCredential",
    "SoftBinding",
    "TrustList",
    "TrustSettings",
    "check_claim_certificate",
    "explain_problem",
    "issue_claim_certificate",
    "make_development_authority",
    "probe",
    "read_credentials",
    "sign_embedded",
    "sign_sidecar",
]
