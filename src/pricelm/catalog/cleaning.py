"""Text as people read it: no markup, no control characters, one form for every character, single spaces.

Emoji stay, since they say something about a listing. All work is linear in the length of the text, whatever
a hostile shop puts in it.
"""

from __future__ import annotations

import html
import re
import unicodedata

import numpy as np
import pandas as pd

_HIDDEN = (("<script", "</script"), ("<style", "</style"), ("<!--", "-->"))
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,4000}>|<![a-zA-Z][^<>]{0,4000}>|<!---->")
# Controls (line ends and tabs become spaces later), zero-width and direction marks, lone surrogates. The
# zero-width joiner and the variation selectors stay: emoji are built with them.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
    "\ud800-\udfff]"
)
# NFKC would turn "5½" into "51⁄2" and "BOOST™" into "BOOSTTM".
_BEFORE_NFKC = {ord(sign): "" for sign in "™℠®©"} | {
    ord(sign): " " + unicodedata.normalize("NFKC", sign).replace("⁄", "/") for sign in "½⅓⅔¼¾⅕⅛⅜⅝⅞"
}
_PIECE_CHARS = 512
# str.lower() may change the length of other scripts' letters, and with it every position.
_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def clean_text(text: object) -> str:
    """Clean one text.

    HTML entities and tags are resolved, characters brought to Unicode form NFKC (full-width letters and
    digits become plain ones), invisible characters removed, and white space folded to single spaces.

    Parameters
    ----------
    text : object
        Text, a number or a missing value.

    Returns
    -------
    str
        Clean text; ``""`` for a missing value; whole numbers without ".0".

    Examples
    --------
    >>> clean_text("<p>Ｎｅｗ&nbsp;case<br>5½ inch 🎁</p>")
    'New case 5 1/2 inch 🎁'
    >>> clean_text(None), clean_text(3.0)
    ('', '3')
    """
    if not isinstance(text, str):
        return _written(text)
    if _is_clean(text):
        return text
    if "&" in text:
        text = html.unescape(text)
    if "<" in text:
        text = _without_markup(text)
    text = _INVISIBLE.sub("", text)
    if not text.isascii():
        text = _normalized(text.translate(_BEFORE_NFKC))
    return " ".join(text.split())


def clean_column(series: pd.Series) -> pd.Series:
    """Clean a column of texts; texts that are clean already cost next to nothing.

    Parameters
    ----------
    series : pandas.Series
        Texts, numbers or missing values, shape (n,).

    Returns
    -------
    pandas.Series
        Strings (dtype object) with the same index and name; ``""`` for missing values.

    Examples
    --------
    >>> clean_column(pd.Series(["a  b", None, 2.0])).tolist()
    ['a b', '', '2']
    """
    values = series.astype(object).to_numpy()
    cleaned = np.empty(len(values), dtype=object)
    cleaned[:] = [clean_text(value) for value in values]
    return pd.Series(cleaned, index=series.index, name=series.name)


def _is_clean(text: str) -> bool:
    """Tell whether cleaning would change nothing; each test runs at the speed of the C library."""
    return (
        text.isprintable()
        and "<" not in text
        and "&" not in text
        and "  " not in text
        and (
            text.isascii()
            or (unicodedata.is_normalized("NFKC", text) and "®" not in text and "©" not in text)
        )
        and text.strip() == text
    )


def _written(value: object) -> str:
    if value is None or value is pd.NA or value is pd.NaT:
        return ""
    if isinstance(value, float | np.floating):
        if np.isnan(value):
            return ""
        # A column of whole numbers with a gap arrives as floats in one format and as "3" in another.
        if float(value).is_integer():
            return str(int(value))
    return clean_text(str(value))


def _without_markup(text: str) -> str:
    for opening, closing in _HIDDEN:
        text = _without_spans(text, opening, closing)
    return _TAG.sub(" ", text)


def _without_spans(text: str, opening: str, closing: str) -> str:
    # Not a regular expression: a thousand openings without a close would take it quadratic time.
    lower = text.translate(_ASCII_LOWER)
    kept: list[str] = []
    position = 0
    while (start := lower.find(opening, position)) >= 0:
        end = lower.find(closing, start)
        if end < 0:
            break
        kept.append(text[position:start])
        # The tag's own ">" is left to the tag pattern, a comment's is part of its closing.
        position = end + (len(closing) if closing.endswith(">") else 0)
    return "".join([*kept, " " * bool(kept), text[position:]])


def _normalized(text: str) -> str:
    """Bring text to NFKC in pieces: the library's time is quadratic in a run of combining marks."""
    if len(text) <= _PIECE_CHARS or unicodedata.is_normalized("NFKC", text):
        return unicodedata.normalize("NFKC", text)
    pieces: list[str] = []
    start = 0
    while start < len(text):
        end = min(start + _PIECE_CHARS, len(text))
        longest = min(end + _PIECE_CHARS, len(text))
        while end < longest and unicodedata.combining(text[end]):
            end += 1
        pieces.append(unicodedata.normalize("NFKC", text[start:end]))
        start = end
    return "".join(pieces)
