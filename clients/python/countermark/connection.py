"""What both clients share of HTTP: addresses, headers, requests."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2

from countermark.calls import Call
from provenance.errors import ServiceUnreachable

DEFAULT_URL = "http://127.0.0.1:8000"
DEFAULT_TIMEOUT = 60.0
"""Seconds: a 50 MB picture takes a registry a few; a slow line is covered because the limit is per read and write."""
USER_AGENT = "countermark-python/0.1.0"


def headers_of(api_key: str | None) -> dict[str, str]:
    headers = {"User-Agent": USER_AGENT, "Accept": "application/json, application/problem+json, */*;q=0.5"}
    if api_key:
        headers["Authorization"] = f"Bearer {api_key}"
    return headers


def build_request(
    http: httpx2.Client | httpx2.AsyncClient, call: Call[Any], content: Iterator[bytes] | AsyncIterator[bytes] | None
) -> httpx2.Request:
    return http.build_request(
        call.method, call.path, content=content, headers=dict(call.headers), params=dict(call.query)
    )


def unreachable(url: str, error: Exception) -> ServiceUnreachable:
    return ServiceUnreachable(f"no answer from {url}: {str(error) or type(error).__name__}")
