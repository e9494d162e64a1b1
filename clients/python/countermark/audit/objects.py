"""Objects of an S3 bucket, by obstore (extra `s3`); the environment has the credentials."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from countermark.audit.items import Entry
from provenance.errors import InvalidRequest, MissingExtra
from provenance.limits import MAX_MEDIA_BYTES

if TYPE_CHECKING:
    from countermark.audit.sources import Globs


def listed(address: str, globs: "Globs") -> Iterator[Entry]:
    """The objects below a prefix. Raises InvalidRequest, MissingExtra."""
    bucket, _, prefix = address.removeprefix("s3://").partition("/")
    store, errors = _store(bucket)
    try:
        for page in store.list(prefix or None, chunk_size=1_000):
            for each in page:
                below = os.fsencode(each["path"].removeprefix(prefix).lstrip("/"))
                if globs.takes(below):
                    name = os.fsencode(f"s3://{bucket}/{each['path']}")
                    yield Entry(name, "s3", name, size=each["size"], stamp=f"{each['size']}-{each['e_tag']}")
    except errors as error:
        raise InvalidRequest(f"{address} cannot be listed: {_first_line(error)}") from error


@contextmanager
def opened(address: str) -> Iterator[io.BytesIO]:
    """The bytes of an object. Raises OSError."""
    bucket, _, key = address.removeprefix("s3://").partition("/")
    store, errors = _store(bucket)
    try:
        body = bytes(store.get_range(key, start=0, end=MAX_MEDIA_BYTES + 1))
    except errors as error:
        raise OSError(_first_line(error)) from error
    yield io.BytesIO(body)


@lru_cache(maxsize=4)
def _store(bucket: str) -> tuple[Any, type[Exception]]:
    try:
        from obstore.exceptions import BaseError
        from obstore.store import S3Store
    except ModuleNotFoundError as error:
        raise MissingExtra("objects of a bucket need one more library: install countermark[s3]") from error
    client: Any = {"allow_http": True} if os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://") else {}
    try:
        return S3Store(bucket, client_options=client), BaseError
    except BaseError as error:
        raise InvalidRequest(f"s3://{bucket} cannot be reached: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:300]
