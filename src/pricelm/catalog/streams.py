"""Bytes in, under limits: plain or gzip files as blocks that never grow past what was allowed.

A file may come from anybody, so nothing here trusts its size, its suffix or its compression ratio.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from pricelm.core.errors import LimitError, ReadError

BLOCK_BYTES = 1 << 20
GZIP_MAGIC = b"\x1f\x8b"
# Small files of one repeated word reach any ratio; they are harmless, so the ratio counts from here on.
HARMLESS_BYTES = 16 << 20


@dataclass(frozen=True)
class ReadLimits:
    """How large the parts of an input may be before reading stops with a ``LimitError``.

    Parameters
    ----------
    max_field_chars : int, default 2_000_000
        Longest field of a text format, in characters.
    max_columns : int, default 2_000
        Most columns of any format.
    max_line_bytes : int, default 64 MiB
        Longest line of a text format, and longest record that spans lines, in bytes.
    max_expansion_ratio : float, default 200
        Most bytes that one compressed byte may become (gzip, xlsx, Parquet); counted after 16 MiB.
    max_file_bytes : int, optional
        Largest file, in bytes, before and after decompression. No limit by default.

    Examples
    --------
    >>> ReadLimits(max_columns=50).max_columns
    50
    """

    max_field_chars: int = 2_000_000
    max_columns: int = 2_000
    max_line_bytes: int = 64 << 20
    max_expansion_ratio: float = 200
    max_file_bytes: int | None = None


def check_columns(count: int, source: object, limits: ReadLimits) -> None:
    """Raise ``LimitError`` if an input has more columns than allowed."""
    if count > limits.max_columns:
        raise LimitError(
            f"{source}: expected at most {limits.max_columns:,} columns, got {count:,} or more. Check the "
            "delimiter, keep the columns that are needed, or raise ReadLimits(max_columns=...)"
        )


def check_size(total: int, source: object, limits: ReadLimits) -> None:
    """Raise ``LimitError`` if an input is larger than ``max_file_bytes``."""
    if limits.max_file_bytes is not None and total > limits.max_file_bytes:
        raise LimitError(
            f"{source}: expected at most {limits.max_file_bytes:,} bytes, got more. Split the file, or raise "
            "ReadLimits(max_file_bytes=...)"
        )


def check_expansion(compressed: int, expanded: int, source: object, limits: ReadLimits) -> None:
    """Raise ``LimitError`` if compressed bytes become suspiciously many."""
    if expanded > HARMLESS_BYTES and expanded > limits.max_expansion_ratio * max(compressed, 1):
        raise LimitError(
            f"{source}: {compressed:,} compressed bytes become {expanded:,} or more, over "
            f"{limits.max_expansion_ratio:g} times as many, as in a decompression bomb. If you trust it, "
            "decompress it first or raise ReadLimits(max_expansion_ratio=...)"
        )


def byte_blocks(path: Path, limits: ReadLimits) -> Iterator[bytes]:
    """Yield the bytes of a plain or gzip file in blocks of at most 1 MiB.

    Parameters
    ----------
    path : pathlib.Path
        An existing file; gzip is recognized by content.
    limits : ReadLimits
        Size and expansion limits.

    Yields
    ------
    bytes
        Decompressed blocks, in order.

    Raises
    ------
    ReadError
        If the file cannot be opened, or the gzip data is truncated or damaged.
    LimitError
        If a limit is passed.
    """
    total = 0
    try:
        with path.open("rb") as raw:
            zipped = raw.read(2) == GZIP_MAGIC
            raw.seek(0)
            stream = cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if zipped else raw
            while block := stream.read(BLOCK_BYTES):
                total += len(block)
                check_size(total, path, limits)
                if zipped:
                    check_expansion(raw.tell(), total, path, limits)
                yield block
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ReadError(
            f"{path}: expected complete gzip data, but it breaks off or is damaged after {total:,} "
            f"decompressed bytes ({error}). Copy or download the file again"
        ) from error
    except OSError as error:
        raise ReadError(
            f"{path}: cannot be read ({error.strerror or error}). Check the permissions"
        ) from error
