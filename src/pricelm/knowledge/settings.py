"""Settings of a rule: what a value may be, said once for reading, checking and explaining."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches
from typing import Any

from pricelm.core.errors import RuleError

_KEY = "setting"
MAX_TEXT = 1_000
MAX_ITEMS = 10_000


@dataclass(frozen=True)
class Setting:
    """What one key of a rule may hold.

    Parameters
    ----------
    about : str
        What it means.
    expected : str
        What a value looks like, for messages and the documentation.
    read : callable
        Turns a raw value into a typed one, or raises ValueError.
    """

    about: str
    expected: str
    read: Callable[[object], Any]


@dataclass(frozen=True)
class Number:
    """A finite number in a range; ``whole`` asks for an integer."""

    low: float = -math.inf
    high: float = math.inf
    whole: bool = False

    @property
    def expected(self) -> str:
        """What a value looks like."""
        name = "a whole number" if self.whole else "a number"
        if math.isinf(self.high):
            return name if math.isinf(self.low) else f"{name}, {self.low:g} or more"
        return f"{name} from {self.low:g} to {self.high:g}"

    def __call__(self, value: object) -> float | int:
        """Return the number, or raise ValueError."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError
        # an integer of a hundred thousand digits is no float
        if isinstance(value, int) and abs(value) > 10**15:
            raise ValueError
        if not math.isfinite(value) or not self.low <= value <= self.high:
            raise ValueError
        if self.whole and value != int(value):
            raise ValueError
        return int(value) if self.whole else float(value)


def setting(about: str, read: Any, expected: str = "", **default: Any) -> Any:
    """Declare a setting as a field of a rule's dataclass.

    Parameters
    ----------
    about : str
        What it means, for people.
    read : callable
        A `Number`, or one of the ``read_...`` functions here.
    expected : str, optional
        What a value looks like; taken from ``read`` where it tells.
    **default : object
        ``default`` or ``default_factory``, as of :func:`dataclasses.field`.
    """
    words = expected or getattr(read, "expected", "") or _EXPECTED[read]
    return dataclasses.field(metadata={_KEY: Setting(about, words, read)}, **default)


def settings_of(kind: type) -> dict[str, Setting]:
    """Return the settings of a rule class by name, in order."""
    return {one.name: one.metadata[_KEY] for one in dataclasses.fields(kind) if _KEY in one.metadata}


def read_text(value: object) -> str:
    """Return a short text; plain numbers count, because a sku is often one."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError
    text = str(value).strip()
    if not text or len(text) > MAX_TEXT:
        raise ValueError
    return text


def read_texts(value: object) -> tuple[str, ...]:
    """Return one text or a list of them as a tuple."""
    values = value if isinstance(value, list | tuple) else [value]
    if not 0 < len(values) <= MAX_ITEMS:
        raise ValueError
    return tuple(read_text(one) for one in values)


def read_numbers(value: object) -> tuple[float, ...]:
    """Return one number or a list of them, zero or more each."""
    values = value if isinstance(value, list | tuple) else [value]
    if not 0 < len(values) <= 100:
        raise ValueError
    return tuple(float(Number(0)(one)) for one in values)


def read_day(value: object) -> date:
    """Return a day, from a YAML date or text such as 2026-12-24."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    return date.fromisoformat(read_text(value))


def read_switch(value: object) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise ValueError
    return value


def read_counts(value: object) -> dict[str, float]:
    """Return a mapping of sku to count."""
    if not isinstance(value, Mapping) or not 0 < len(value) <= 100:
        raise ValueError
    return {read_text(sku): float(Number(0.001, 1e6)(count)) for sku, count in value.items()}


_EXPECTED: dict[Any, str] = {
    read_text: "a text",
    read_texts: "a text or a list of texts",
    read_numbers: "an amount or a list of amounts, 0 or more",
    read_day: "a day such as 2026-12-24",
    read_switch: "true or false",
    read_counts: "a mapping of sku to count",
}


def one_of(*choices: str) -> Callable[[object], str]:
    """Return a reader that takes one of some words."""

    def read(value: object) -> str:
        if value not in choices:
            raise ValueError
        return str(value)

    read.expected = " or ".join(choices)  # type: ignore[attr-defined]
    return read


def nearest(name: str, known: Iterable[str]) -> str:
    """Return "; did you mean 'x'?" for the closest known name, or nothing.

    Examples
    --------
    >>> nearest("margn_floor", ["margin_floor", "ladder"])
    "; did you mean 'margin_floor'?"
    """
    close = get_close_matches(str(name)[:200], [str(one) for one in known], n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def read_settings(kind: type, raw: Mapping[str, object], where: str) -> dict[str, Any]:
    """Read the settings of a rule from what a file says.

    Parameters
    ----------
    kind : type
        Dataclass with settings.
    raw : mapping
        Key to raw value.
    where : str
        Which rule, for messages.

    Raises
    ------
    RuleError
        If a key is unknown or missing, or a value cannot be what it should be.
    """
    known = settings_of(kind)
    for key in raw:
        if key not in known:
            raise RuleError(
                f"{where}: expected the keys {', '.join(known)}, got {str(key)[:80]!r}"
                f"{nearest(str(key), known)}"
            )
    read: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        told = known.get(field.name)
        if told is None:
            continue
        if field.name in raw and raw[field.name] is not None:
            try:
                read[field.name] = told.read(raw[field.name])
            except (ValueError, TypeError, OverflowError) as error:
                shown = repr(raw[field.name])[:80]
                raise RuleError(
                    f"{where}: expected {field.name} to be {told.expected}, got {shown}. Correct it"
                ) from error
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise RuleError(f"{where}: expected the key {field.name} ({told.about}), and it is not there")
    return read
