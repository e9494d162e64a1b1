"""The report folder: where its files are, and how they are written."""

from pathlib import Path

from provenance.errors import StoreUnavailable


def receipt_path(folder: Path, record: str) -> Path:
    """Where the receipt of a record is kept."""
    return folder / "receipts" / record[:2] / f"{record}.countermark"


def write_whole(path: Path, data: bytes) -> None:
    """Writes a file so that it is there as a whole or not at all. Raises StoreUnavailable."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.partial")
        partial.write_bytes(data)
        partial.replace(path)
    except OSError as error:
        raise StoreUnavailable(f"{path} cannot be written: {error.strerror or error}") from error
