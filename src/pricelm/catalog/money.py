"""Money in: what shops write as a price becomes an amount and a currency, or a reason why not.

"1.234,56 €", "￥1,299", "Rs. 1,299", "1 299,00 zł", "12.98万" and 12.5 are prices. A range, a negative
number, zero or "N/A" is none, and each says so in its own words.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

import numpy as np
import pandas as pd

from pricelm.catalog.currencies import COMMA_CURRENCIES, currency_code
from pricelm.core.errors import DataError

_LONGEST = 64
_MISSING = frozenset({"", "nan", "none", "null", "<na>", "nat"})
_INFINITE = frozenset({"inf", "infinity"})
_TENS = {"万": 10_000, "萬": 10_000}
# What follows an amount and changes nothing: "1,299/-", "12,-", "12.--".
_EMPTY_TAIL = re.compile(r"(?:/-|[.,][-–—]{1,2})\s*")
_PRICE = re.compile(
    r"""(?P<minus>[-−(]?)\s*(?P<before>[^\d()\-−]{0,12}?)\s*(?P<minus2>[-−]?)\s*
    (?P<number>\d(?:[\d.,'’ ]*\d)?(?:[eE][+-]?\d{1,3})?|(?<![^\W\d_])[.,]\d+)(?P<after>.*)""",
    re.VERBOSE | re.DOTALL,
)
_RANGE = re.compile(
    r"[\d.,' ]*\d[^\d]*?(?:[-–—~至到]|\bto\b|through|\bor\b)[^\d]*\d[\d.,' ]*[^\d]*", re.IGNORECASE
)
_GROUPED = re.compile(r"\d+|\d{1,3}(?:([.,' ])\d{3})(?:\1\d{3})*|\d{1,2}(?:,\d{2})+,\d{3}")
_EXPONENT = re.compile(r"\d+(?:\.\d+)?[eE][+-]?\d{1,3}")
_COMMA_VOTE = re.compile(r"\d,(?:\d{1,2}|\d{4,})(?![\d.,])|\d\.\d{3}(?:\.\d{3}|,\d)")
_DOT_VOTE = re.compile(r"\d\.(?:\d{1,2}|\d{4,})(?![\d.,])|\d,\d{3}(?:,\d{3}|\.\d)")
_DOT_AMBIGUOUS = re.compile(r"\s*[1-9]\d{0,2}\.\d{3}\s*")
_VOTERS = 10_000


@dataclass(frozen=True)
class Money:
    """An exact amount of a currency.

    Parameters
    ----------
    amount : decimal.Decimal
        The amount, in units of the currency.
    currency : str
        ISO 4217 code, or ``""`` when none was written.

    Examples
    --------
    >>> Money(Decimal("12.50"), "EUR").currency
    'EUR'
    """

    amount: Decimal
    currency: str


def parse_price(value: object, *, decimal: str | None = None) -> Money:
    """Read one price.

    Parameters
    ----------
    value : object
        Text or a number.
    decimal : {".", ","}, optional
        What separates cents where ``value`` does not tell, as in "1.234" or "1,234". By default the comma
        with currencies whose custom it is and the point otherwise.

    Returns
    -------
    Money
        An amount above zero.

    Raises
    ------
    DataError
        Its message begins with the kind: "missing", "not a number", "a range", "infinite", "negative" or
        "zero".

    Examples
    --------
    >>> parse_price("1.234,56 €")
    Money(amount=Decimal('1234.56'), currency='EUR')
    >>> parse_price("￥1,299")
    Money(amount=Decimal('1299'), currency='CNY')
    """
    amount, currency, reason = _read(value, decimal)
    if amount is None:
        raise DataError(
            f"{reason}: expected a price above zero such as 12.99 or '1.234,56 €', got {str(value)[:80]!r}. "
            "Correct it or leave the row out"
        )
    return Money(amount, currency)


def parse_prices(series: pd.Series) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Read a column of prices; plain numbers take a fast path.

    Whether "1.234" means one or a thousand is decided by the other prices of the column.

    Parameters
    ----------
    series : pandas.Series
        n prices, text or numbers.

    Returns
    -------
    amount : numpy.ndarray
        float64, shape (n,); NaN where there is no price above zero.
    currency : numpy.ndarray
        ISO codes as str, shape (n,); ``""`` where none is written.
    reason : numpy.ndarray
        ``""`` or the kind of :func:`parse_price`, as str, shape (n,).

    Examples
    --------
    >>> amount, currency, reason = parse_prices(pd.Series(["1.234", "5,50", "N/A"]))
    >>> amount[:2].tolist(), reason.tolist()
    ([1234.0, 5.5], ['', '', 'not a number'])
    """
    n = len(series)
    currency = np.full(n, "", dtype=object)
    reason = np.full(n, "", dtype=object)
    if pd.api.types.is_bool_dtype(series.dtype):
        return np.full(n, np.nan), currency, np.full(n, "not a number", dtype=object)
    numeric = pd.api.types.is_numeric_dtype(series.dtype)
    if not numeric:
        series = series.astype(object)
    amount = pd.to_numeric(series, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
    _explain_plain(amount, reason)
    if not numeric:
        values = series.to_numpy(dtype=object)
        _read_written(values, amount, currency, reason)
    amount[reason != ""] = np.nan
    return amount, currency, reason


def _explain_plain(amount: np.ndarray, reason: np.ndarray) -> None:
    reason[np.isnan(amount)] = "missing"
    reason[amount == 0] = "zero"
    reason[amount < 0] = "negative"
    reason[np.isinf(amount)] = "infinite"


def _read_written(values: np.ndarray, amount: np.ndarray, currency: np.ndarray, reason: np.ndarray) -> None:
    """Fill in, in place, what is not a plain number or means something else in this column."""
    for position in np.flatnonzero((amount == 1) | (amount == 0)):
        if isinstance(values[position], bool | np.bool_):
            reason[position] = "not a number"
    written = np.flatnonzero(np.isnan(amount) & ~pd.isna(values))
    words = list(dict.fromkeys(str(value) for value in values[written]))
    decimal = _decimal_of(words, values) if words else None
    if decimal == ",":
        plain = np.flatnonzero(np.isfinite(amount))
        swapped = [
            position
            for position in plain
            if isinstance(values[position], str) and _DOT_AMBIGUOUS.fullmatch(values[position])
        ]
        written = np.concatenate([written, np.array(swapped, dtype=np.intp)])
    known: dict[str, tuple[Decimal | None, str, str]] = {}
    for position in written:
        text = str(values[position])
        if text not in known:
            known[text] = _read(text, decimal)
        exact, currency[position], reason[position] = known[text]
        amount[position] = np.nan if exact is None else float(exact)


def _decimal_of(words: list[str], values: np.ndarray) -> str | None:
    """Tell the decimal separator from those prices of a column that leave no doubt."""
    plain = (value for value in values[:_VOTERS] if isinstance(value, str))
    votes = list(dict.fromkeys([*words[:_VOTERS], *plain]))
    commas = sum(bool(_COMMA_VOTE.search(word)) for word in votes)
    points = sum(bool(_DOT_VOTE.search(word)) for word in votes)
    if commas == points:
        return None
    return "," if commas > points else "."


def _read(value: object, decimal: str | None) -> tuple[Decimal | None, str, str]:
    """Return amount, currency and "", or None, currency and the reason."""
    if isinstance(value, bool | np.bool_):
        return None, "", "not a number"
    text = (
        "" if value is None else " ".join(unicodedata.normalize("NFKC", str(value)[: _LONGEST + 1]).split())
    )
    if text.lower() in _MISSING:
        return None, "", "missing"
    if text.lower().lstrip("+-") in _INFINITE:
        return None, "", "infinite"
    match = _PRICE.fullmatch(text)
    if match is None or len(text) > _LONGEST:
        return None, "", "not a number"
    factor, currency, after = _words(match["before"], match["after"], closing=match["minus"] == "(")
    if currency is None:
        return None, "", "a range" if _RANGE.fullmatch(match["number"] + after) else "not a number"
    amount = _amount(match["number"], decimal or ("," if currency in COMMA_CURRENCIES else "."))
    if amount is None:
        return None, currency, "not a number"
    amount *= factor
    if amount == 0:
        return None, currency, "zero"
    if match["minus"] or match["minus2"]:
        return None, currency, "negative"
    if not np.isfinite(float(amount)):
        return None, currency, "infinite"
    return amount, currency, ""


@lru_cache(maxsize=1024)
def _words(before: str, after: str, *, closing: bool) -> tuple[int, str | None, str]:
    """Return factor, currency (None if the words are no currency) and the words after the number."""
    rest = after.strip()
    if closing:
        rest = rest.removesuffix(")").strip()
    factor = _TENS.get(rest[:1], 1)
    if factor > 1:
        rest = rest[1:]
    rest = _EMPTY_TAIL.sub("", rest, count=1).strip()
    first, last = currency_code(before.strip().removeprefix("+")), currency_code(rest)
    if first is None or last is None:
        return factor, None, rest
    # "$12 CAD": the code after the number is the more exact one.
    return factor, last or first, rest


def _amount(number: str, decimal: str) -> Decimal | None:
    if _EXPONENT.fullmatch(number):
        return Decimal(number)
    number = number.replace("’", "'")
    point = _decimal_point(number, decimal)
    whole, cents = number, ""
    if point:
        whole, _, cents = number.rpartition(point)
    if not cents.isdecimal() and cents:
        return None
    if whole and not _GROUPED.fullmatch(whole):
        return None
    digits = re.sub(r"[.,' ]", "", whole) or "0"
    return Decimal(f"{digits}.{cents}" if cents else digits)


def _decimal_point(number: str, decimal: str) -> str:
    """Return the character before the cents, or "" if the number has none."""
    points, commas = number.count("."), number.count(",")
    if points and commas:
        return max(".,", key=number.rfind)
    if points + commas != 1:
        return ""
    sign = "." if points else ","
    whole, _, tail = number.partition(sign)
    ambiguous = len(tail) == 3 and whole.isdecimal() and len(whole) <= 3 and whole[0] != "0"
    return sign if not ambiguous or sign == decimal else ""
