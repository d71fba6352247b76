"""How a forecast is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pricelm.core.errors import ConfigError

Frequency = Literal["weekly", "daily"]
Missing = Literal["auto", "zero", "unknown"]
FREQUENCIES = ("weekly", "daily")
MISSING = ("auto", "zero", "unknown")
PERIOD_DAYS = {"weekly": 7, "daily": 1}
PERIOD_NAMES = {"weekly": "week", "daily": "day"}
LONGEST_HORIZON = {"weekly": 104, "daily": 366}


@dataclass(frozen=True)
class ForecastConfig:
    """How a forecast is made.

    Parameters
    ----------
    horizon : int, default 8
        Weeks or days ahead.
    frequency : {"weekly", "daily"}, default "weekly"
        What a period is.
    missing : {"auto", "zero", "unknown"}, default "auto"
        What a period without a row means: nothing sold, or not known. ``auto`` takes it as nothing sold when
        rows are purchases of customers or when the sales never say 0.
    confidence_level : float, default 0.9
        Of the intervals.
    min_observations : int, default 12
        Fewest known periods for a forecast of a series' own; never below 11.
    n_origins : int, default 3
        Past days from which the present is forecast to weigh the members and to size the intervals.
    boosting : bool, default True
        Whether gradient boosting over all series takes part.
    seed : int, default 0
        Of the boosting.

    Raises
    ------
    ConfigError
        If a value is out of range.

    Examples
    --------
    >>> ForecastConfig(horizon=0)
    Traceback (most recent call last):
    ...
    pricelm.core.errors.ConfigError: expected a horizon from 1 to 104 weeks, got 0
    """

    horizon: int = 8
    frequency: Frequency = "weekly"
    missing: Missing = "auto"
    confidence_level: float = 0.9
    min_observations: int = 12
    n_origins: int = 3
    boosting: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        if self.frequency not in FREQUENCIES:
            raise ConfigError(f"expected a frequency of {' or '.join(FREQUENCIES)}, got {self.frequency!r}")
        if self.missing not in MISSING:
            raise ConfigError(f"expected missing to be {', '.join(MISSING)}, got {self.missing!r}")
        longest = LONGEST_HORIZON[self.frequency]
        if not 1 <= self.horizon <= longest:
            raise ConfigError(f"expected a horizon from 1 to {longest} {self.period}s, got {self.horizon}")
        if not 0 < self.confidence_level < 1:
            raise ConfigError(f"expected a confidence_level between 0 and 1, got {self.confidence_level}")
        if self.min_observations < 11 or not 1 <= self.n_origins <= 12:
            raise ConfigError("expected min_observations of at least 11 and n_origins from 1 to 12")

    @property
    def period(self) -> str:
        """What a period is called."""
        return PERIOD_NAMES[self.frequency]

    @property
    def period_days(self) -> int:
        """Days of a period."""
        return PERIOD_DAYS[self.frequency]

    @property
    def season(self) -> int:
        """Periods of the season that members know of: the days of a week, the weeks of a year."""
        return 7 if self.frequency == "daily" else 52
