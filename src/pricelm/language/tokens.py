"""Texts as tokens: read once, kept flat, padded batch by batch. A service without torch reads them so too."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from tokenizers import Tokenizer

if TYPE_CHECKING:
    from torch import Tensor

# Reading a megabyte of text only to keep 64 tokens of it would take most of a second.
_CHARACTERS_PER_TOKEN = 64
_TEXTS_AT_ONCE = 4096
_BYTE = re.compile("<0x[0-9A-F]{2}>")


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

    def padded(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return ids and mask of some texts, both int64, shape (n_rows, longest of them).

        Examples
        --------
        >>> texts = TokenizedTexts(np.array([5, 6, 7], dtype=np.int32), np.array([0, 1, 3]), pad_id=0)
        >>> [part.tolist() for part in texts.padded(np.array([1, 0]))]
        [[[6, 7], [5, 0]], [[1, 1], [1, 0]]]
        """
        lengths = self.lengths[rows]
        mask = np.arange(lengths.max()) < lengths[:, None]
        ids = np.full(mask.shape, self.pad_id, dtype=np.int64)
        ids[mask] = np.concatenate([self.ids[self.starts[row] : self.starts[row + 1]] for row in rows])
        return ids, mask.astype(np.int64)

    def pad(self, rows: np.ndarray) -> tuple[Tensor, Tensor]:
        """Return the same as tensors."""
        import torch

        ids, mask = self.padded(rows)
        return torch.from_numpy(ids), torch.from_numpy(mask)


@dataclass(frozen=True)
class Reading:
    """How well a backbone reads some texts.

    Parameters
    ----------
    texts, characters, tokens : int
        What was read, and into how many tokens.
    unreadable : int
        Tokens that the vocabulary lacks, or has only as bytes of a character.

    Examples
    --------
    >>> Reading(texts=1, characters=20, tokens=5, unreadable=1).unreadable_share
    0.2
    """

    texts: int
    characters: int
    tokens: int
    unreadable: int

    @property
    def unreadable_share(self) -> float:
        """Share of the tokens that say nothing to the backbone, 0 to 1."""
        return self.unreadable / self.tokens if self.tokens else 0.0

    @property
    def tokens_per_character(self) -> float:
        """How finely the texts are cut: about 0.25 in a language that the vocabulary was made for."""
        return self.tokens / self.characters if self.characters else 0.0


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

    def reading(self, texts: Sequence[str]) -> Reading:
        """Return how well texts can be read; special tokens are not counted.

        Parameters
        ----------
        texts : sequence of str
            The texts; the first 512 tokens of each are looked at.

        Returns
        -------
        Reading
            Counts of characters, tokens and tokens that say nothing.
        """
        self.backend.no_padding()
        self.backend.enable_truncation(512)
        reach = 512 * _CHARACTERS_PER_TOKEN
        cut = [text[:reach] for text in texts]
        found = [item for item in self.backend.encode_batch(cut, add_special_tokens=False) if item.ids]
        used = Counter(chain.from_iterable(item.ids for item in found))
        unreadable = sum(count for token, count in used.items() if self._says_nothing(token))
        characters = sum(item.offsets[-1][1] for item in found)
        return Reading(len(texts), characters, used.total(), unreadable)

    def _says_nothing(self, token: int) -> bool:
        """Say whether a token stands for something unknown, or for a part of a character only."""
        if token == self.unknown_id:
            return True
        if _BYTE.fullmatch(self.backend.id_to_token(token) or ""):
            return True
        return "\ufffd" in self.backend.decode([token], skip_special_tokens=False)
