"""How a bundle is served, and what that means on this machine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pricelm.core.errors import ConfigError

PRECISIONS = ("auto", "fp32", "int8")
_CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")


@dataclass(frozen=True)
class ServingOptions:
    """How a bundle is served.

    Parameters
    ----------
    precision : {"auto", "fp32", "int8"}, default "auto"
        Arithmetic of the language member; ``auto`` takes int8 where it was exported.
    threads : int, optional
        Threads for one call, by default what the machine gives this process. Several worker processes
        on one machine should share it out.
    token_budget : int, default 2048
        Most token positions that the language member reads at once in fp32, padding included; in int8
        every text is read by itself.
    cached_texts : int, default 20000
        Texts whose price is remembered, about 150 bytes each; 0 remembers none.
    image_root : pathlib.Path, optional
        Folder of the pictures, by default the working directory; none outside it is read.

    Raises
    ------
    ConfigError
        If a value is not one of these.

    Examples
    --------
    >>> ServingOptions(precision="int8").cached_texts
    20000
    """

    precision: str = "auto"
    threads: int | None = None
    token_budget: int = 2048
    cached_texts: int = 20_000
    image_root: Path | None = None

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise ConfigError(f"expected a precision of {', '.join(PRECISIONS)}, got {self.precision!r}")
        if self.threads is not None and self.threads < 1:
            raise ConfigError(f"expected 1 thread or more, got {self.threads}")
        if self.token_budget < 1:
            raise ConfigError(f"expected a token_budget of 1 or more, got {self.token_budget}")
        if self.cached_texts < 0:
            raise ConfigError(f"expected cached_texts of 0 or more, got {self.cached_texts}")

    @property
    def threads_here(self) -> int:
        """Threads for one call on this machine."""
        return self.threads or available_cores()


def available_cores(quota: Path = _CPU_QUOTA) -> int:
    """Return how many cores this process may keep busy.

    Parameters
    ----------
    quota : pathlib.Path
        Where a container says how much time it is given.

    Returns
    -------
    int
        The cores that it may run on, at most those that the container's quota pays for; 1 or more.

    Examples
    --------
    >>> available_cores() >= 1
    True
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        given, period = quota.read_text(encoding="ascii").split()
        # a quota of 1.5 cores is one thread that is never throttled rather than two that are
        return max(1, min(cores, int(given) // int(period)))
    except (OSError, ValueError):  # no container, or "max": no quota
        return cores
