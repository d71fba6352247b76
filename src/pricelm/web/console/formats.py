"""Numbers, money and moments as people of a language write them."""

from __future__ import annotations

from datetime import datetime

from pricelm.web.console.words import Words

_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "CNY": "¥"}
_WITHOUT_CENTS = 1_000


def amount(value: float, currency: str, words: Words, *, exact: bool = False) -> str:
    """Return an amount of money; large ones without cents, unless it has to be exact.

    Examples
    --------
    >>> from pricelm.web.console.words import read_words
    >>> amount(-3.5, "USD", read_words("en")), amount(12345.6, "CHF", read_words("en"))
    ('-$3.50', 'CHF 12,346')
    """
    sign = _SIGNS.get(currency, f"{currency} " if currency else "")
    places = 0 if abs(value) >= _WITHOUT_CENTS and not exact else 2
    return f"{'-' if value < 0 else ''}{sign}{abs(value):,.{places}f}"


def signed(value: float, currency: str, words: Words) -> str:
    """Return an amount with its sign, as a difference is written."""
    return f"{'+' if value > 0 else ''}{amount(value, currency, words)}"


def share(value: float) -> str:
    """Return a share as percent with its sign.

    Examples
    --------
    >>> share(0.0512)
    '+5.1%'
    """
    return f"{value:+.1%}"


def whole(value: float, words: Words) -> str:
    """Return a count."""
    return f"{value:,.0f}"


def moment(at: datetime | None, words: Words) -> str:
    """Return a point in time in the time zone of this machine."""
    return f"{at.astimezone():%Y-%m-%d %H:%M}" if at else "–"


def moment_of(seconds: float) -> str:
    """Return a point in time, in seconds since 1970, in the time zone of this machine."""
    return f"{datetime.fromtimestamp(seconds).astimezone():%Y-%m-%d %H:%M}"


def duration(seconds: float) -> str:
    """Return a duration as a clock shows it.

    Examples
    --------
    >>> duration(8.4), duration(75), duration(3_725)
    ('0:08', '1:15', '1:02:05')
    """
    minutes, rest = divmod(round(max(seconds, 0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
