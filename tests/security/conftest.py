"""With FULL=1 a test of this folder may take hours: all of its cases, on a busy machine."""

from pathlib import Path

import pytest

from tests.patience import HUNG_SECONDS
from tests.security.hostile import FULL


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for each in items:
        if FULL and each.path.is_relative_to(Path(__file__).parent):
            each.add_marker(pytest.mark.timeout(24 * HUNG_SECONDS))
