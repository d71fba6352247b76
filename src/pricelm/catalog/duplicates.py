"""Near-duplicate listings: which rows say the same thing, so that a split never tears them apart.

Exact copies are found after normalization; near copies by MinHash signatures, whose rows are compared in
buckets, and every candidate pair is verified by its exact Jaccard similarity. The time grows almost linearly
with the number of rows.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from pricelm.core.errors import ConfigError

_SHINGLE_LENGTH = 4
_SIGNATURE_LENGTH = 96
# A bucket is compared in windows, each text with the next so many of its size: buckets of thousands of
# template texts would otherwise cost the square of their size.
_WINDOW = 32
_FOUND_AT_THRESHOLD = 0.995
_SHINGLES_AT_ONCE = 4_000_000
_NOT_WORDS = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class _Shingles:
    """The distinct shingles of each text: those of text i are ``values[starts[i]:starts[i + 1]]``."""

    values: np.ndarray
    starts: np.ndarray

    @property
    def sizes(self) -> np.ndarray:
        return np.diff(self.starts)


def duplicate_groups(texts: Sequence[str], *, threshold: float = 0.85, seed: int = 0) -> np.ndarray:
    """Number the rows so that near-duplicates share one number.

    Two texts are near-duplicates when, after folding case, width, punctuation and spaces, the sets of their
    four-character pieces have a Jaccard similarity of at least ``threshold``. Groups are closed under chains:
    if a is near b and b is near c, all three share a group. Texts without any letter or digit belong to no
    one's group.

    Parameters
    ----------
    texts : sequence of str, length n
        For example title and description of each listing.
    threshold : float, default 0.85
        Smallest Jaccard similarity of a near-duplicate, above 0 and at most 1.
    seed : int, default 0
        Seed of the MinHash permutations.

    Returns
    -------
    numpy.ndarray of int64, shape (n,)
        Group of each row, counted from 0 in order of first appearance.

    Raises
    ------
    ConfigError
        If ``threshold`` is not above 0 and at most 1.

    References
    ----------
    Broder, A. Z. (1997). On the resemblance and containment of documents.

    Examples
    --------
    >>> duplicate_groups(["Red mug, 330 ml", "RED MUG 330ml!", "Blue plate"]).tolist()
    [0, 1, 2]
    >>> duplicate_groups(["Red mug, 330 ml", "RED MUG  330 ml!", "Blue plate"]).tolist()
    [0, 0, 1]
    """
    if not 0 < threshold <= 1:
        raise ConfigError(f"expected a threshold above 0 and at most 1, got {threshold}")
    distinct, of_row = _distinct_texts(texts)
    worded = np.flatnonzero([bool(text) for text in distinct])
    if threshold < 1 and len(worded) > 1:
        shingles = _shingle([distinct[index] for index in worded])
        component = np.arange(len(distinct))
        component[worded] = worded[_near_duplicates(shingles, threshold, np.random.default_rng(seed))]
        of_row = component[of_row]
    return _numbered_by_appearance(of_row)


def _distinct_texts(texts: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """Return the distinct normalized texts and the index of each row's text among them."""
    index: dict[str, int] = {}
    distinct: list[str] = []
    of_row = np.empty(len(texts), dtype=np.int64)
    for row, text in enumerate(texts):
        folded = text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).lower()
        folded = _NOT_WORDS.sub(" ", folded).strip()
        if folded and folded in index:
            of_row[row] = index[folded]
            continue
        of_row[row] = index[folded] = len(distinct)
        distinct.append(folded)
    return distinct, of_row


def _shingle(texts: list[str]) -> _Shingles:
    """Hash every four characters of every text to 32 bits and keep each text's distinct hashes, sorted."""
    values: list[np.ndarray] = []
    sizes: list[np.ndarray] = []
    start = 0
    while start < len(texts):
        stop, characters = start, 0
        while stop < len(texts) and (stop == start or characters + len(texts[stop]) < _SHINGLES_AT_ONCE):
            characters += len(texts[stop]) + _SHINGLE_LENGTH
            stop += 1
        block_values, block_sizes = _shingle_block(texts[start:stop])
        values.append(block_values)
        sizes.append(block_sizes)
        start = stop
    starts = np.concatenate([[0], np.cumsum(np.concatenate(sizes))])
    return _Shingles(np.concatenate(values), starts.astype(np.int64))


def _shingle_block(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    # padding gives a text of one character a shingle too, and marks the ends
    pad = "\0" * (_SHINGLE_LENGTH - 1)
    joined = pad + pad.join(texts) + pad
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    n_shingles = len(codes) - _SHINGLE_LENGTH + 1
    hashed = np.zeros(n_shingles, dtype=np.uint64)
    for offset in range(_SHINGLE_LENGTH):
        hashed = (hashed ^ codes[offset : offset + n_shingles]) * np.uint64(0x9E3779B97F4A7C15)
        hashed ^= hashed >> np.uint64(29)
    lengths = np.array([len(text) + _SHINGLE_LENGTH - 1 for text in texts])
    owner = np.repeat(np.arange(len(texts), dtype=np.uint64), lengths)
    keys = (owner << np.uint64(32)) | (hashed[: len(owner)] >> np.uint64(32))
    keys = np.unique(keys)
    sizes = np.bincount((keys >> np.uint64(32)).astype(np.int64), minlength=len(texts))
    return keys.astype(np.uint32), sizes


def _near_duplicates(shingles: _Shingles, threshold: float, rng: np.random.Generator) -> np.ndarray:
    """Return the connected component of each text under verified similarity, as a number below the count."""
    n_texts = len(shingles.sizes)
    component = np.arange(n_texts)
    n_rows = _rows_per_band(threshold)
    for _ in range(_SIGNATURE_LENGTH // n_rows):
        band = _band_keys(shingles, n_rows, rng)
        first, second = _bucket_pairs(band, shingles.sizes, threshold)
        apart = component[first] != component[second]
        first, second = first[apart], second[apart]
        similar = _jaccard(shingles, first, second) >= threshold
        if similar.any():
            ends = (component[first[similar]], component[second[similar]])
            edges = coo_matrix((np.ones(len(ends[0]), dtype=np.int8), ends), shape=(n_texts, n_texts))
            component = connected_components(edges, directed=False)[1][component]
    return component


def _rows_per_band(threshold: float) -> int:
    """Return the longest band that still finds nearly every pair at the threshold."""
    for n_rows in range(12, 1, -1):
        if 1 - (1 - threshold**n_rows) ** (_SIGNATURE_LENGTH // n_rows) >= _FOUND_AT_THRESHOLD:
            return n_rows
    return 1


def _band_keys(shingles: _Shingles, n_rows: int, rng: np.random.Generator) -> np.ndarray:
    """Return one 64-bit key a text: texts with equal keys share ``n_rows`` MinHash values."""
    multipliers = rng.integers(0, 2**63, size=n_rows, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    offsets = rng.integers(0, 2**63, size=n_rows, dtype=np.uint64)
    n_texts = len(shingles.sizes)
    keys = np.zeros(n_texts, dtype=np.uint64)
    start = 0
    while start < n_texts:
        limit = shingles.starts[start] + _SHINGLES_AT_ONCE
        stop = max(start + 1, int(np.searchsorted(shingles.starts, limit, side="right")) - 1)
        low, high = shingles.starts[start], shingles.starts[stop]
        values = shingles.values[low:high].astype(np.uint64)
        bounds = shingles.starts[start:stop] - low
        for multiplier, offset in zip(multipliers, offsets, strict=True):
            permuted = ((values * multiplier + offset) >> np.uint64(32)).astype(np.uint32)
            smallest = np.minimum.reduceat(permuted, bounds).astype(np.uint64)
            mixed = (keys[start:stop] ^ smallest) * np.uint64(0x9E3779B97F4A7C15)
            keys[start:stop] = mixed ^ (mixed >> np.uint64(31))
        start = stop
    return keys


def _bucket_pairs(keys: np.ndarray, sizes: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs of texts that share a bucket and whose sizes allow the similarity."""
    order = np.lexsort((sizes, keys))
    sorted_keys, sorted_sizes = keys[order], sizes[order]
    firsts: list[np.ndarray] = [np.empty(0, dtype=np.int64)]
    seconds: list[np.ndarray] = [np.empty(0, dtype=np.int64)]
    for distance in range(1, min(_WINDOW, len(keys) - 1) + 1):
        together = sorted_keys[distance:] == sorted_keys[:-distance]
        if not together.any():
            break
        together &= sorted_sizes[:-distance] >= threshold * sorted_sizes[distance:]
        left = np.flatnonzero(together)
        firsts.append(order[left])
        seconds.append(order[left + distance])
    return np.concatenate(firsts), np.concatenate(seconds)


def _jaccard(shingles: _Shingles, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the exact Jaccard similarity of each pair of texts."""
    similarity = np.empty(len(first))
    total = shingles.sizes[first] + shingles.sizes[second]
    # blocks of whole pairs, of about so many shingles each
    block = np.cumsum(total) // _SHINGLES_AT_ONCE
    edges = np.concatenate([[0], np.flatnonzero(np.diff(block)) + 1, [len(first)]])
    for start, stop in pairwise(edges):
        left, right = first[start:stop], second[start:stop]
        keys = np.sort(np.concatenate([_pair_keys(shingles, left), _pair_keys(shingles, right)]))
        shared = keys[1:][keys[1:] == keys[:-1]] >> np.uint64(32)
        both = np.bincount(shared.astype(np.int64), minlength=len(left))
        similarity[start:stop] = both / (total[start:stop] - both)
    return similarity


def _pair_keys(shingles: _Shingles, texts: np.ndarray) -> np.ndarray:
    """Return the shingles of the k-th of ``texts`` with k in the upper half of each key."""
    sizes = shingles.sizes[texts]
    pair = np.repeat(np.arange(len(texts)), sizes)
    within = np.arange(len(pair)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    values = shingles.values[shingles.starts[texts][pair] + within].astype(np.uint64)
    return (pair.astype(np.uint64) << np.uint64(32)) | values


def _numbered_by_appearance(labels: np.ndarray) -> np.ndarray:
    _, first_row, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first_row), dtype=np.int64)
    rank[np.argsort(first_row)] = np.arange(len(first_row))
    return rank[inverse].astype(np.int64)
