"""Reads numbers and texts out of bytes that may come from a stranger: nothing is taken beyond their end."""

from __future__ import annotations

import struct

import numpy as np

from pricelm.core.errors import BackboneError


class ByteReader:
    """A place in some bytes that moves on with everything that is read.

    Parameters
    ----------
    data : bytes
        All bytes.
    name : str
        What they are, for messages.

    Examples
    --------
    >>> reader = ByteReader(b"\\x02\\x00hi", "a greeting")
    >>> reader.text(reader.number("H"))
    'hi'
    >>> reader.number("I")
    Traceback (most recent call last):
    ...
    pricelm.core.errors.BackboneError: a greeting ends too early: expected 4 bytes at 4, 0 are left; ...
    """

    def __init__(self, data: bytes, name: str) -> None:
        self.data, self.name, self.at = data, name, 0

    def broken(self, what: str) -> BackboneError:
        """Return the error that says what is wrong with the bytes."""
        return BackboneError(f"{self.name} {what}; install the package again, or choose another backbone")

    def take(self, size: int) -> memoryview:
        """Return the next ``size`` bytes, without a copy."""
        left = len(self.data) - self.at
        if size < 0 or size > left:
            raise self.broken(f"ends too early: expected {size:,} bytes at {self.at:,}, {left:,} are left")
        self.at += size
        return memoryview(self.data)[self.at - size : self.at]

    def number(self, code: str) -> int:
        """Return one little-endian integer; ``code`` is a letter of :mod:`struct`."""
        return int(struct.unpack(f"<{code}", self.take(struct.calcsize(f"<{code}")))[0])

    def numbers(self, kind: str, count: int) -> np.ndarray:
        """Return numbers of a little-endian numpy type such as ``"f4"``, shape (count,)."""
        dtype = np.dtype(f"<{kind}")
        return np.frombuffer(self.take(count * dtype.itemsize), dtype=dtype)

    def text(self, size: int) -> str:
        """Return a text of so many bytes of UTF-8."""
        at = self.at
        try:
            return str(self.take(size), "utf-8")
        except UnicodeDecodeError as error:
            raise self.broken(f"holds a text at {at:,} that is not UTF-8") from error

    def slice(self, start: int, size: int) -> memoryview:
        """Return bytes at a given place; the reader stays where it is."""
        if start < 0 or size < 0 or start + size > len(self.data):
            raise self.broken(f"names {size:,} bytes at {start:,}, and has {len(self.data):,} in all")
        return memoryview(self.data)[start : start + size]
