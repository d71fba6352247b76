"""The peak memory of another process and its children, watched from outside."""

from __future__ import annotations

import time
from pathlib import Path

import psutil  # type: ignore[import-untyped]

_PAUSE_SECONDS = 0.05


class PeakMemory:
    """Watches a process; Linux remembers each process's own peak, so a short spike is not missed.

    Parameters
    ----------
    pid : int
        The process to watch.

    Attributes
    ----------
    peak_bytes : int
        Highest sum of resident memory over the process and its children so far.

    Examples
    --------
    >>> import os
    >>> memory = PeakMemory(os.getpid())
    >>> memory.look()
    >>> memory.peak_bytes > 1_000_000
    True
    """

    def __init__(self, pid: int) -> None:
        self.peak_bytes = 0
        self._process = psutil.Process(pid)

    def look(self) -> None:
        """Update the peak; a process that has just ended changes nothing."""
        try:
            family = [self._process, *self._process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return
        self.peak_bytes = max(self.peak_bytes, sum(_own_peak(process) for process in family))

    def wait(self) -> None:
        """Pause until the next look."""
        time.sleep(_PAUSE_SECONDS)


def _own_peak(process: psutil.Process) -> int:
    # getrusage would count what the parent had in memory when it forked; VmHWM starts anew at exec
    status = Path(f"/proc/{process.pid}/status")
    try:
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        return int(process.memory_info().rss)
    except (OSError, psutil.Error):
        return 0
