"""Parquet files on this machine or in an object store: whichever of both a setting names.

An object store is named by an URL such as s3://bucket/folder. Whoever the service is there, and
where that is, its environment says in the store's own words (AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL, ...) or the platform it runs on.
"""

import io
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from .model_folder import write_atomically

OPTIONS: Mapping[str, int] = {"max_retries": 2, "retry_timeout_ms": 10_000}
"""Of polars: a store that is away is given up after some seconds, not after half a minute."""

ERRORS = (OSError, pl.exceptions.PolarsError)
"""What polars raises when a file or a store cannot be read or written."""


STORES = ("s3", "gs", "az", "abfss")
"""What an URL of an object store begins with."""


def place(where: str, setting: str) -> str:
    """The folder, file or URL that a setting names, without a slash at its end.

    Raises ValueError when it names nothing, or a store of another kind.
    """
    scheme, colon, rest = where.partition(":")
    is_store = scheme in STORES and rest.startswith("//") and rest.strip("/")
    if not where.strip() or (colon and "/" not in scheme and not is_store):
        raise ValueError(
            f"{setting} must be a path on this machine or a place in an object store"
            f" ({', '.join(f'{store}://' for store in STORES)}), such as s3://bucket/folder; it is"
            f" {where!r}"
        )
    return where.rstrip("/") or "/"


def is_url(where: str) -> bool:
    """Whether this names an object store."""
    return "://" in where


def options(where: str) -> dict[str, int] | None:
    """What polars is to be told of the store, if it is one."""
    return dict(OPTIONS) if is_url(where) else None


def write_parquet(frame: pl.DataFrame, where: str) -> None:
    """Write a file that is there whole or not at all, whatever happens meanwhile.

    Raises one of ERRORS.
    """
    if is_url(where):
        # An object is there when it is complete, and not before.
        frame.write_parquet(where, compression="zstd", storage_options=options(where))
        return
    content = io.BytesIO()
    frame.write_parquet(content, compression="zstd")
    write_atomically(Path(where), content.getvalue())
