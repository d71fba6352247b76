"""Quantities that a listing states: packs, weights, volumes, sizes, storage, power; English and Chinese.

One compiled expression finds every number with the unit behind it; numbers joined by ``x``, ``*``, ``/``
or "of" form a phrase ("3 x 500ml", "500g*2袋"), and a phrase is read as a whole. Every repetition in the
expression is bounded, so the time is linear in the length of the text, whatever the text is.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd

from pricelm.catalog.numerals import NUMBER_WORDS, chinese_number
from pricelm.catalog.units import SPELLINGS, UNITS, unit_pattern


@dataclass(frozen=True)
class Quantities:
    """What a text says about amounts and sizes; ``None`` where it says nothing.

    Parameters
    ----------
    pack_count : float or None
        How many: of the things measured ("3 x 500ml": 3), else of containers ("6-pack"), else of pieces
        ("24 ct").
    weight_g, total_weight_g : float or None
        Weight of one and of the whole pack, in grams. An "oz" without "fl" is a weight.
    volume_ml, total_volume_ml : float or None
        Volume of one and of the whole pack, in milliliters.
    length_cm : float or None
        Longest side of the first length, in centimeters.
    screen_inch : float or None
        First size written in inches, as screens are sold; also counted as a length.
    area_m2 : float or None
        First area, in square meters.
    storage_gb : float or None
        Largest memory, in gigabytes (a terabyte is 1000): the disk, not the working memory.
    power_w : float or None
        First power, in watts.
    battery_mah : float or None
        First battery capacity, in milliampere-hours.
    """

    pack_count: float | None = None
    weight_g: float | None = None
    total_weight_g: float | None = None
    volume_ml: float | None = None
    total_volume_ml: float | None = None
    length_cm: float | None = None
    screen_inch: float | None = None
    area_m2: float | None = None
    storage_gb: float | None = None
    power_w: float | None = None
    battery_mah: float | None = None


FIELDS: tuple[str, ...] = tuple(field.name for field in fields(Quantities))

_MAX_PACK = 10_000.0
_MAX_VALUE = 1e9
_TOTALS = {"weight_g": "total_weight_g", "volume_ml": "total_volume_ml"}
_SIDES = ("length_cm", "screen_inch", "area_m2")

_VULGAR_FRACTIONS = str.maketrans(
    {"½": " 1/2", "¼": " 1/4", "¾": " 3/4", "⅓": " 1/3", "⅔": " 2/3", "⅛": " 1/8"}
)


def _token_pattern() -> re.Pattern[str]:
    numerals = "零〇一二三四五六七八九十百千万"
    containers = "".join(spelling for spelling in SPELLINGS["container"][1].split() if not spelling.isascii())
    return re.compile(
        rf"""
        (?: (?P<of>\b(?:pack|set|lot|box|case|carton|bundle|bag)s?\sof\s)
          | (?P<link>\s{{0,2}}[x×*✕/]\s{{0,2}}|\sof\s)
          | (?<![\d.,A-Za-z$€£¥₹"'第双{numerals}]) )
        (?: (?P<fraction>(?:\d{{1,4}}[ -][1357]/[248]|1/[234]|2/3|3/4)(?![\d.]))
          | (?P<digits>(?:\d{{1,9}}(?:[.,]\d{{1,6}})?|\.\d{{1,6}})(?![\d]|[.,]\d))(?P<myriad>万?)
          | (?P<chinese>半|[两俩](?:[百千万][{numerals}]{{0,6}})?|[{numerals}]{{1,9}})(?![{numerals}])
          | (?P<word>{"|".join(NUMBER_WORDS)})(?![a-z]) )
        (?: [\s-]{{0,2}}(?P<unit>{unit_pattern()})(?P<half>半(?![价折年天]))?(?:/[{containers}])?[装套组]? )?
        """,
        re.ASCII | re.IGNORECASE | re.VERBOSE,
    )


_TOKEN = _token_pattern()


@dataclass(frozen=True, slots=True)
class _Token:
    value: float
    kind: str
    factor: float


def _number(match: re.Match[str]) -> float:
    digits = match["digits"]
    if digits:
        whole, comma, rest = digits.partition(",")
        if comma and len(rest) == 3 and whole != "0":
            digits = whole + rest  # 1,000 is a thousand; 1,5 and 0,500 are decimals
        value = float(digits.replace(",", "."))
        return value * 10_000 if match["myriad"] else value
    if match["chinese"]:
        return chinese_number(match["chinese"])
    if match["word"]:
        return NUMBER_WORDS[match["word"].lower()]
    whole, _, part = match["fraction"].replace("-", " ").rpartition(" ")
    above, below = part.split("/")
    return float(whole or 0) + float(above) / float(below)


def _unit(match: re.Match[str], value: float) -> tuple[str, float]:
    unit = match["unit"]
    if not unit:
        return ("container", 1.0) if match["of"] else ("", 1.0)
    if unit == "G" and value >= 2 and value.is_integer():
        if value <= 5:
            return "", 1.0  # 5G is a mobile network
        if value >= 8 and math.log2(value).is_integer():
            return "storage_gb", 1.0  # 128G is a memory, 500G a weight
    if unit == "M":
        return "", 1.0  # months and sizes of clothes
    spelling = unit.lower()
    return UNITS.get(spelling) or UNITS[" ".join(spelling.replace(".", " ").split())]


def _phrases(text: str) -> Iterator[tuple[list[_Token], bool]]:
    """Yield each run of joined tokens, and whether a slash joins them."""
    phrase: list[_Token] = []
    slashed, end = False, -1
    for match in _TOKEN.finditer(text):
        value = _number(match)
        kind, factor = _unit(match, value)
        if match["half"]:
            value += 0.5
        touching = match.start() == end
        # "一盒10片": a container and what is in it need no sign between them
        nested = kind in ("container", "piece") and phrase and phrase[-1].kind == "container"
        joined = touching and (match["link"] or nested)
        if not joined:
            if phrase:
                yield phrase, slashed
            phrase, slashed = [], False
        phrase.append(_Token(value, kind, factor))
        slashed = slashed or bool(joined and match["link"] and "/" in match["link"])
        end = match.end()
    if phrase:
        yield phrase, slashed


class _Reading:
    """Collects the phrases of one text; the first mention wins, the largest for storage."""

    def __init__(self) -> None:
        self.values: dict[str, float] = {}
        self._pack_rank = 0
        self._container: float | None = None
        self._own_pack: dict[str, float] = {}

    def add(self, phrase: list[_Token], slashed: bool) -> None:
        kinds = {token.kind for token in phrase}
        sides = [token for token in phrase if token.kind in _SIDES]
        measures = [token for token in phrase if token.kind not in ("", "container", "piece")]
        if sides:
            # in "30 x 40 cm" the bare 30 is a side, not a pack
            side = sides[-1]
            numbers = [token.value for token in phrase if token.kind in ("", side.kind)]
            self._measure(side.kind, max(numbers) * side.factor)
        elif measures:
            measure = measures[0]
            first = measure.kind not in self.values
            self._measure(measure.kind, measure.value * measure.factor)
            counts = [token for token in phrase if token.kind in ("", "container", "piece")]
            if slashed and "piece" in kinds:
                self._pack(_product(counts), rank=1)  # "10 CT/15 OZ": the weight is that of all ten
            elif counts and self._pack(_product(counts), rank=3) and first:
                self._own_pack[measure.kind] = _product(counts)
        elif "container" in kinds:
            if self._pack(_product(phrase), rank=2) and self._container is None:
                self._container = _product(phrase)
        elif "piece" in kinds and not slashed:
            self._pack(_product(phrase), rank=1)

    def _measure(self, kind: str, value: float) -> None:
        if not 0 < value < _MAX_VALUE:
            return
        if kind == "storage_gb":
            self.values[kind] = max(value, self.values.get(kind, 0.0))
        self.values.setdefault(kind, value)
        if kind == "screen_inch":
            self.values.setdefault("length_cm", value * 2.54)

    def _pack(self, count: float, *, rank: int) -> bool:
        if not 0 < count <= _MAX_PACK:
            return False
        if rank > self._pack_rank:
            self.values["pack_count"], self._pack_rank = count, rank
        return True

    def totals(self) -> dict[str, float]:
        for kind, total in _TOTALS.items():
            if kind in self.values:
                self.values[total] = self.values[kind] * self._own_pack.get(kind, self._container or 1.0)
        return self.values


def _product(tokens: Sequence[_Token]) -> float:
    return math.prod(token.value * token.factor for token in tokens)


def _read(text: str) -> dict[str, float]:
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text.translate(_VULGAR_FRACTIONS))
        text = text.replace("”", '"').replace("“", '"').replace("′′", '"')
    reading = _Reading()
    for phrase, slashed in _phrases(text):
        if len(phrase) > 1 or phrase[0].kind:
            reading.add(phrase, slashed)
    return reading.totals()


def parse_quantities(text: str) -> Quantities:
    """Read the packs, weights, sizes and capacities that a text states.

    Parameters
    ----------
    text : str
        Any text of any length, English or Chinese.

    Returns
    -------
    Quantities
        Numbers in base units; ``None`` where the text says nothing.

    Examples
    --------
    >>> water = parse_quantities("Spring water 3 x 500ml")
    >>> water.pack_count, water.volume_ml, water.total_volume_ml
    (3.0, 500.0, 1500.0)
    >>> parse_quantities("大米 两斤").weight_g
    1000.0
    >>> parse_quantities('Smart TV 65 inch').screen_inch, parse_quantities("手机 128G").storage_gb
    (65.0, 128.0)
    """
    return Quantities(**_read(text))


def quantity_frame(texts: Sequence[str]) -> pd.DataFrame:
    """Read the quantities of many texts.

    Parameters
    ----------
    texts : sequence of str, length n
        Titles, or titles with descriptions.

    Returns
    -------
    pandas.DataFrame, shape (n, len(FIELDS))
        float64, one column per field, NaN where a text says nothing.

    Examples
    --------
    >>> quantity_frame(["12件装", "no number"])["pack_count"].tolist()
    [12.0, nan]
    """
    values = np.full((len(texts), len(FIELDS)), np.nan)
    position = {name: index for index, name in enumerate(FIELDS)}
    for row, text in enumerate(texts):
        for name, value in _read(text).items():
            values[row, position[name]] = value
    return pd.DataFrame(values, columns=list(FIELDS))
