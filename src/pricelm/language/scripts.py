"""Which scripts texts are written in, by the letters in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# First and last letter of each block; signs and letters elsewhere are not counted.
_BLOCKS = (
    (0x41, 0x24F, "Latin"),
    (0x370, 0x3FF, "Greek"),
    (0x400, 0x52F, "Cyrillic"),
    (0x590, 0x5FF, "Hebrew"),
    (0x600, 0x6FF, "Arabic"),
    (0x900, 0x97F, "Devanagari"),
    (0xE00, 0xE7F, "Thai"),
    (0x1E00, 0x1EFF, "Latin"),
    (0x3041, 0x30FF, "Japanese"),
    (0x3400, 0x9FFF, "Chinese"),
    (0xAC00, 0xD7AF, "Korean"),
    (0x20000, 0x3134F, "Chinese"),
)
_NO_LETTERS = np.array([ord(sign) for sign in "[\\]^_`{|}~\x7f×÷"] + list(range(0x80, 0xC0)))
_KANA_OF_JAPANESE = 0.1


def script_shares(texts: Sequence[str]) -> dict[str, float]:
    """Return which share of the letters of some texts belongs to which script, the largest first.

    Parameters
    ----------
    texts : sequence of str
        The texts.

    Returns
    -------
    dict of str to float
        Shares above 0 that add up to 1; empty without letters. Chinese characters count as Japanese where
        at least a tenth as many kana stand beside them.

    Examples
    --------
    >>> script_shares(["Red wine", "红"])
    {'Latin': 0.875, 'Chinese': 0.125}
    >>> script_shares(["12.50"])
    {}
    """
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "replace"), dtype="<u4")
    codes = codes[~np.isin(codes, _NO_LETTERS) & (codes > 0x40)]
    counts: dict[str, int] = {}
    for first, last, name in _BLOCKS:
        found = int(((codes >= first) & (codes <= last)).sum())
        counts[name] = counts.get(name, 0) + found
    if counts["Japanese"] > _KANA_OF_JAPANESE * counts["Chinese"]:
        counts["Japanese"] += counts.pop("Chinese")
    total = sum(counts.values())
    ranked = sorted(counts.items(), key=lambda item: -item[1])
    return {name: count / total for name, count in ranked if count}
