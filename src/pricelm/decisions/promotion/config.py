"""How campaigns are measured."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from pricelm.core.errors import ConfigError

FEWEST_PLACEBOS = 19


@dataclass(frozen=True)
class PromotionConfig:
    """How campaigns are measured.

    Parameters
    ----------
    weeks_before : int, default 8
        Weeks before a campaign on which controls are matched.
    weeks_after : int, default 4
        Weeks after it in which purchases may be missing that were pulled forward.
    n_controls : int, default 10
        Series that a campaign is compared with.
    n_placebos : int, default 300
        Made-up campaigns that tell how far the measure strays by itself.
    confidence_level : float, default 0.9
        Of the intervals.
    seed : int, default 0
        Of the placebos.

    Raises
    ------
    ConfigError
        If a number makes no sense.
    """

    weeks_before: int = 8
    weeks_after: int = 4
    n_controls: int = 10
    n_placebos: int = 300
    confidence_level: float = 0.9
    seed: int = 0

    def __post_init__(self) -> None:
        counts = (self.weeks_before, self.weeks_after, self.n_controls)
        if min(counts) < 1 or self.n_placebos < FEWEST_PLACEBOS or not 0 < self.confidence_level < 1:
            raise ConfigError(
                f"expected weeks and controls of 1 or more, {FEWEST_PLACEBOS} placebos or more and a "
                f"confidence level between 0 and 1, got {asdict(self)}"
            )
