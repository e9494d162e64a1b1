"""Our witness as the application that serves it."""

from contextlib import AbstractContextManager

from api.witness import create_witness_app
from registry.attestation.witness import Witness
from tests.loopback import serving
from tests.patience import HUNG_SECONDS


def as_a_service(witness: Witness, body_timeout: float = HUNG_SECONDS) -> AbstractContextManager[str]:
    """For `tests.loopback.running_witness`; a body has `body_timeout` seconds to arrive."""
    return serving(create_witness_app(witness, body_timeout=body_timeout))
