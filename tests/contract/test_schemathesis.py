"""The service against its committed contract: requests made from `openapi.yaml`, with a key and without.

`SCHEMATHESIS_EXAMPLES` sets how many for each operation; the default keeps a run short.
"""

import os
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.patience import HUNG_SECONDS

OPENAPI = Path(__file__).resolve().parents[2] / "openapi.yaml"


schemathesis.serializer.alias(
    ["application/cose", "application/scitt-statement+cose", "application/cbor-seq"], "application/octet-stream"
)

# A schema cannot say that bytes must be a picture, or have the digest that the address names.
PATIENT: dict[str, Any] = {"excluded_checks": [positive_data_acceptance], "timeout": HUNG_SECONDS}

few = settings(
    max_examples=int(os.environ.get("SCHEMATHESIS_EXAMPLES", "6")),
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    database=None,
)
schema = schemathesis.openapi.from_path(OPENAPI, config=SchemathesisConfig())


@schema.parametrize()
@few
def test_answers_are_as_documented_with_a_key(case: Any, live: Any) -> None:
    case.call_and_validate(base_url=live.url, headers=live.authorization, **PATIENT)


@schema.parametrize()
@few
def test_answers_are_as_documented_without_a_key(case: Any, live: Any) -> None:
    case.call_and_validate(base_url=live.url, **PATIENT)
