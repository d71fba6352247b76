"""Reads GGUF files: facts about a model, then its tensors, many of them stored with a few bits a weight."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from pricelm.core.extras import require
from pricelm.language.binary import ByteReader

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_ARRAYS = {
    0: "u1",
    1: "i1",
    2: "u2",
    3: "i2",
    4: "u4",
    5: "i4",
    6: "f4",
    7: "?",
    10: "u8",
    11: "i8",
    12: "f8",
}
_TEXT, _ARRAY = 8, 9
_MOST_DIMENSIONS = 4
# F32, F16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K to Q6_K, BF16.
_TENSOR_KINDS = frozenset({0, 1, 2, 3, 6, 7, 8, 10, 11, 12, 13, 14, 30})


@dataclass(frozen=True)
class GgufFile:
    """A GGUF file in memory.

    Parameters
    ----------
    facts : dict of str to Any
        What the file says about the model: numbers, texts, lists of texts, arrays of numbers.
    tensors : dict of str to tuple
        Shape, kind and place of every tensor.
    reader : ByteReader
        The bytes.
    data_start : int
        Where the tensors begin.
    """

    facts: dict[str, Any]
    tensors: dict[str, tuple[tuple[int, ...], int, int]]
    reader: ByteReader
    data_start: int

    def fact(self, key: str, kind: type, default: Any = None) -> Any:
        """Return a fact of the expected type, or ``default`` if there is none and the default is not None."""
        value = self.facts.get(key, default)
        # bool is an int to Python, but no size is "true"
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self.reader.broken(f"has {value!r} as {key!r}, expected {kind.__name__}")
        return value

    def tensor(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """Return a tensor as fp32.

        Parameters
        ----------
        name : str
            Its name in the file.
        shape : tuple of int
            The shape it must have.

        Returns
        -------
        ndarray of float32
            The weights, every one finite.

        Raises
        ------
        BackboneError
            If it is missing, of another shape, of a kind that is not read, or beyond the end of the file.
        """
        if name not in self.tensors:
            raise self.reader.broken(f"lacks the tensor {name!r}")
        found, kind, offset = self.tensors[name]
        if found != shape:
            raise self.reader.broken(f"has {name!r} in shape {found}, expected {shape}")
        if kind not in _TENSOR_KINDS:
            raise self.reader.broken(f"stores {name!r} in a way (type {kind}) that pricelm does not read")
        gguf = require("gguf", extra="train", purpose="read a backbone in the GGUF format")
        stored = gguf.GGMLQuantizationType(kind)
        weights_per_block, bytes_per_block = gguf.GGML_QUANT_SIZES[stored]
        if shape[-1] % weights_per_block:
            raise self.reader.broken(
                f"has {shape[-1]} columns in {name!r}, not whole blocks of {stored.name}"
            )
        row_bytes = shape[-1] // weights_per_block * bytes_per_block
        rows = math.prod(shape[:-1])
        raw = np.frombuffer(self.reader.slice(self.data_start + offset, rows * row_bytes), dtype=np.uint8)
        weights = gguf.dequantize(raw.reshape(rows, row_bytes), stored).reshape(shape)
        if not np.isfinite(weights).all():
            raise self.reader.broken(f"holds weights in {name!r} that are not finite numbers")
        return np.asarray(weights, dtype=np.float32)


def read_gguf(data: bytes, name: str) -> GgufFile:
    """Read the head of a GGUF file.

    Parameters
    ----------
    data : bytes
        The whole file.
    name : str
        What it is, for messages.

    Returns
    -------
    GgufFile
        Facts, and where the tensors are.

    Raises
    ------
    BackboneError
        If it is no such file, is truncated, or names places outside of itself.

    Examples
    --------
    >>> read_gguf(b"GGML....", "old.bin")
    Traceback (most recent call last):
    ...
    pricelm.core.errors.BackboneError: old.bin does not begin like a GGUF file of version 2 or 3; ...
    """
    reader = ByteReader(data, name)
    if len(data) < 24 or reader.take(4) != _MAGIC or reader.number("I") not in _VERSIONS:
        raise reader.broken("does not begin like a GGUF file of version 2 or 3")
    n_tensors, n_facts = reader.number("Q"), reader.number("Q")
    facts = {}
    for _ in range(n_facts):
        key = reader.text(reader.number("Q"))
        facts[key] = _value(reader, reader.number("I"))
    tensors = {}
    for _ in range(n_tensors):
        key = reader.text(reader.number("Q"))
        n_dimensions = reader.number("I")
        if not 1 <= n_dimensions <= _MOST_DIMENSIONS:
            raise reader.broken(f"gives {key!r} {n_dimensions} dimensions")
        # The file names the fastest dimension first.
        shape = tuple(int(size) for size in reader.numbers("u8", n_dimensions)[::-1])
        tensors[key] = (shape, reader.number("I"), reader.number("Q"))
    step = facts.get("general.alignment", 32)
    if not isinstance(step, int) or not 1 <= step <= 1 << 20:
        raise reader.broken(f"aligns its tensors to {step!r} bytes")
    return GgufFile(facts, tensors, reader, -(-reader.at // step) * step)


def _value(reader: ByteReader, kind: int) -> Any:
    if kind == _TEXT:
        return reader.text(reader.number("Q"))
    if kind in _NUMBERS:
        code = f"<{_NUMBERS[kind]}"
        return struct.unpack(code, reader.take(struct.calcsize(code)))[0]
    if kind != _ARRAY:
        raise reader.broken(f"holds a value of the unknown type {kind}")
    inner, count = reader.number("I"), reader.number("Q")
    if inner == _TEXT:
        # Each text takes eight bytes at least, so that no count can ask for more than there is.
        return [reader.text(reader.number("Q")) for _ in range(count)]
    if inner not in _ARRAYS:
        raise reader.broken(f"holds an array of the unknown type {inner}")
    return reader.numbers(_ARRAYS[inner], count)
