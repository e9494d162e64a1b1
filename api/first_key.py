"""The first API key: an admin's, made when a registry has none, for the publisher that the first start enrolled."""

from registry import api_keys
from registry.api_keys import DEFAULT_PUBLISHER
from registry.registry import Registry


def make_first_key(registry: Registry) -> str | None:
    """The key, to be shown once; None where there are keys already. Raises: StoreUnavailable."""
    if api_keys.listed(registry.store):
        return None
    return api_keys.mint(
        registry.store,
        name="first key",
        scopes=[api_keys.ADMIN],
        now=registry.now(),
        publisher=DEFAULT_PUBLISHER,
    )
