"""From the image column to vectors: every different picture is encoded once in a run."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pricelm.catalog.pictures import PictureLimits, decode_picture, read_picture
from pricelm.core.protocols import Progress
from pricelm.models.image_encoder import PictureEncoder, find_encoder

READ = "read"
"""Key under which the pictures that could be used are counted."""

_AT_A_TIME = 64
_MOST_REMEMBERED = 50_000


class PictureVectors:
    """Reads pictures and remembers what the encoder said of each.

    Parameters
    ----------
    encoder : PictureEncoder, optional
        Turns pictures into vectors; by default the one that is installed, loaded when it is needed.
    root : pathlib.Path, optional
        The picture folder; by default the working directory.
    limits : PictureLimits
        What a picture may cost.

    Attributes
    ----------
    counts : collections.Counter
        How many listings had a usable picture (`READ`), and how many had none, by reason.
    """

    def __init__(
        self,
        encoder: PictureEncoder | None = None,
        root: Path | None = None,
        *,
        limits: PictureLimits = PictureLimits(),
    ) -> None:
        self.root = root
        self.counts: Counter[str] = Counter()
        self._encoder = encoder
        self._limits = limits
        self._known: dict[bytes, np.ndarray | str] = {}

    @property
    def encoder(self) -> PictureEncoder:
        """The encoder.

        Raises
        ------
        BackboneError or MissingExtraError
            If none is installed.
        """
        if self._encoder is None:
            self._encoder = find_encoder()
        return self._encoder

    def of(self, values: Sequence[str], progress: Progress | None = None) -> np.ndarray:
        """Return the vectors of the pictures that ``values`` name.

        Parameters
        ----------
        values : sequence of str
            The image column, n entries.
        progress : Progress, optional
            Told how far it is.

        Returns
        -------
        ndarray of shape (n, width)
            NaN in the rows that have no usable picture.
        """
        vectors = np.full((len(values), self.encoder.width), np.nan, dtype=np.float32)
        root = self.root if self.root is not None else Path()
        for start in range(0, len(values), _AT_A_TIME):
            part = values[start : start + _AT_A_TIME]
            self._fill(vectors[start : start + _AT_A_TIME], part, root)
            if progress is not None:
                progress.advance(len(part), "pictures")
        return vectors

    def summary(self) -> str:
        """Return the counts as one line for people.

        Examples
        --------
        >>> pictures = PictureVectors()
        >>> pictures.counts.update({"read": 7, "file not found": 2})
        >>> pictures.summary()
        'pictures: 7 of 9 read; 2 file not found'
        """
        return counts_summary(self.counts)

    def _fill(self, vectors: np.ndarray, values: Sequence[str], root: Path) -> None:
        found: list[bytes | str] = []
        waiting: dict[bytes, np.ndarray] = {}
        for value in values:
            content, reason = read_picture(value, root, self._limits)
            digest = hashlib.sha256(content).digest()
            found.append(reason or digest)
            if reason or digest in self._known or digest in waiting:
                continue
            pixels, reason = decode_picture(content, self.encoder.side, self._limits)
            if pixels is None:
                self._known[digest] = reason
            else:
                waiting[digest] = pixels
        if waiting:
            encoded = self.encoder.encode(np.stack(list(waiting.values())))
            self._known.update(zip(waiting, encoded, strict=True))
        for row, one in enumerate(found):
            known = self._known[one] if isinstance(one, bytes) else one
            if isinstance(known, str):
                self.counts[known] += 1
            else:
                vectors[row] = known
                self.counts[READ] += 1
        while len(self._known) > _MOST_REMEMBERED:
            del self._known[next(iter(self._known))]


def counts_summary(counts: Mapping[str, int]) -> str:
    """Return numbers of pictures, by what became of them, as one line for people."""
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    others = [f"{count:,} {reason}" for reason, count in ordered if reason != READ]
    read, all_of_them = counts.get(READ, 0), sum(counts.values())
    return "; ".join([f"pictures: {read:,} of {all_of_them:,} read", *others])
