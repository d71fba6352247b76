"""Texts as tokens: read once, kept flat, padded batch by batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

# Reading a megabyte of text only to keep 64 tokens of it would take most of a second.
_CHARACTERS_PER_TOKEN = 64
_TEXTS_AT_ONCE = 4096


@dataclass(frozen=True)
class TokenizedTexts:
    """Token ids of many texts in one flat array.

    Parameters
    ----------
    ids : ndarray of int32, shape (n_tokens,)
        All ids, text after text.
    starts : ndarray of int64, shape (n_texts + 1,)
        Where each text begins; the last entry is ``n_tokens``.
    pad_id : int
        Id that fills up a batch.
    """

    ids: np.ndarray
    starts: np.ndarray
    pad_id: int

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each text, shape (n_texts,), int64."""
        return np.diff(self.starts)

    def pad(self, rows: np.ndarray) -> tuple[Tensor, Tensor]:
        """Return ids and mask of some texts, both int64, shape (n_rows, longest of them).

        Examples
        --------
        >>> texts = TokenizedTexts(np.array([5, 6, 7], dtype=np.int32), np.array([0, 1, 3]), pad_id=0)
        >>> [part.tolist() for part in texts.pad(np.array([1, 0]))]
        [[[6, 7], [5, 0]], [[1, 1], [1, 0]]]
        """
        lengths = self.lengths[rows]
        mask = np.arange(lengths.max()) < lengths[:, None]
        ids = np.full(mask.shape, self.pad_id, dtype=np.int64)
        ids[mask] = np.concatenate([self.ids[self.starts[row] : self.starts[row + 1]] for row in rows])
        return torch.from_numpy(ids), torch.from_numpy(mask.astype(np.int64))


@dataclass(frozen=True)
class TextTokenizer:
    """A fast tokenizer with the two ids that this room needs to know.

    Parameters
    ----------
    backend : tokenizers.Tokenizer
        The tokenizer itself.
    pad_id : int
        Id that fills up a batch.
    unknown_id : int or None
        Id of a token that the vocabulary lacks; None if it can spell everything.
    """

    backend: Tokenizer
    pad_id: int
    unknown_id: int | None

    def encode(self, texts: Sequence[str], max_length: int) -> TokenizedTexts:
        """Tokenize texts, with special tokens, cut to ``max_length`` tokens.

        Parameters
        ----------
        texts : sequence of str
            The texts; an empty one is allowed.
        max_length : int
            Most tokens a text, special tokens included.

        Returns
        -------
        TokenizedTexts
            The ids; every text has at least one.
        """
        self.backend.no_padding()
        self.backend.enable_truncation(max_length)
        reach = max_length * _CHARACTERS_PER_TOKEN
        # Packed chunk by chunk: a million texts as lists of Python numbers would not fit into memory.
        ids: list[np.ndarray] = [np.empty(0, dtype=np.int32)]
        lengths: list[int] = []
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            chunk = [text[:reach] for text in texts[start : start + _TEXTS_AT_ONCE]]
            # A text without any token would have nothing to attend to, and the mean over nothing is NaN.
            found = [item.ids or [self.pad_id] for item in self.backend.encode_batch_fast(chunk)]
            lengths += map(len, found)
            ids.append(np.fromiter(chain.from_iterable(found), dtype=np.int32))
        starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64)
        return TokenizedTexts(np.concatenate(ids), starts, self.pad_id)

    def unknown_share(self, texts: Sequence[str]) -> float:
        """Return the share of tokens that the vocabulary lacks, 0 to 1; special tokens are not counted."""
        if self.unknown_id is None:
            return 0.0
        self.backend.no_padding()
        self.backend.enable_truncation(512)
        reach = 512 * _CHARACTERS_PER_TOKEN
        found = self.backend.encode_batch_fast([text[:reach] for text in texts], add_special_tokens=False)
        total = sum(len(item.ids) for item in found)
        unknown = sum(item.ids.count(self.unknown_id) for item in found)
        return unknown / total if total else 0.0
