"""Budgets of time: how people write them, and how much is left of one."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from pricelm.core.errors import ConfigError

_SECONDS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([dhms])")
_LONGEST_SECONDS = 365 * 86_400.0


def parse_duration(text: str) -> float:
    """Read a duration such as ``30m``, ``2h``, ``45s`` or ``1h 30m``.

    Parameters
    ----------
    text : str
        Numbers with the units ``d``, ``h``, ``m`` or ``s``, the larger unit first, each at most once.

    Returns
    -------
    float
        Seconds.

    Raises
    ------
    ConfigError
        If it is something else, nothing at all, or more than a year.

    Examples
    --------
    >>> parse_duration("30m"), parse_duration("1.5h"), parse_duration("1h 30m 5s")
    (1800.0, 5400.0, 5405.0)
    >>> parse_duration("30")
    Traceback (most recent call last):
    ...
    pricelm.core.errors.ConfigError: expected a duration such as 45s, 30m or 2h, got '30': ...
    """
    words = text.strip().lower()
    parts = [(float(amount), unit) for amount, unit in _PART.findall(words)]
    units = [unit for _, unit in parts]
    if not parts or _PART.sub("", words).strip():
        bare = re.fullmatch(r"[\d.]+", words)
        hint = "it has no unit; add s, m, h or d" if bare else "write numbers with the units d, h, m or s"
        raise _wrong(text, hint)
    if units != [unit for unit in _SECONDS if unit in units]:
        raise _wrong(text, "write each unit once and the larger one first, for example 1h30m")
    seconds = sum(amount * _SECONDS[unit] for amount, unit in parts)
    if not 0 < seconds <= _LONGEST_SECONDS:
        raise _wrong(text, "it must be above nothing and at most 365 days")
    return seconds


def clock_left(seconds: float) -> str:
    """Write the time left, rounded up to whole seconds.

    Examples
    --------
    >>> clock_left(3725.2), clock_left(59), clock_left(-3)
    ('1:02:06', '0:59', '0:00')
    """
    whole = max(0, -int(-seconds // 1))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@dataclass(frozen=True)
class Budget:
    """A stretch of wall-clock time that began when this was made.

    Parameters
    ----------
    seconds : float or None
        How long it is; None never ends.
    clock : callable
        Returns the time in seconds; the same in every process.
    """

    seconds: float | None = None
    clock: Callable[[], float] = time.time
    _started: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_started", self.clock())

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return self.clock() - self._started

    @property
    def left(self) -> float | None:
        """Seconds left, at least 0; None if it never ends."""
        return None if self.seconds is None else max(0.0, self.seconds - self.elapsed)

    @property
    def spent(self) -> bool:
        """Whether nothing is left."""
        return self.left == 0.0


def _wrong(text: str, hint: str) -> ConfigError:
    return ConfigError(f"expected a duration such as 45s, 30m or 2h, got {text!r}: {hint}")
