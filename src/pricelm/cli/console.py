"""The terminal: progress with the time left, and one way to print results and JSON."""

from __future__ import annotations

import json
import math
import sys
import time
from types import TracebackType
from typing import Any, Self

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn
from rich.text import Text

_WIDTH_WITHOUT_TERMINAL = 100
_SECONDS_BETWEEN_LINES = 15.0
_SHORT_SECONDS = 0.5


def stdout_console() -> Console:
    """Return the console for results."""
    return _console(stderr=False)


def stderr_console() -> Console:
    """Return the console for everything else."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _WIDTH_WITHOUT_TERMINAL
    return Console(file=stream, width=width, highlight=False)


def print_json(document: Any) -> None:
    """Print one JSON document on stdout; what is not a finite number becomes null."""
    ascii_only = "utf" not in (sys.stdout.encoding or "").lower()
    text = json.dumps(_plain(document), ensure_ascii=ascii_only, indent=1, allow_nan=False)
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


class TerminalProgress:
    """Shows long work on stderr: a live bar in a terminal, a line now and then in a log.

    It is the `pricelm.core.protocols.Progress` of the command line, and a context manager.

    Parameters
    ----------
    console : rich.console.Console, optional
        Where to show it; stderr by default.

    Examples
    --------
    >>> import io
    >>> log = io.StringIO()
    >>> with TerminalProgress(Console(file=log)) as progress:
    ...     progress.start("pricing", 2)
    ...     progress.say("two listings")
    >>> "two listings" in log.getvalue() and "pricing" in log.getvalue()
    True
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or stderr_console()
        self._bars: Progress | None = None
        if self._console.is_terminal:
            self._bars = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                _TimeLeft(),
                TextColumn("[dim]{task.fields[note]}"),
                console=self._console,
                transient=True,
            )
        self._bar: TaskID | None = None
        self._task = ""
        self._total = self._done = 0
        self._started = self._last_line = self._first_step = 0.0
        self._done_at_first_step = 0

    def __enter__(self) -> Self:
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._finish()
        if self._bars is not None:
            self._bars.stop()

    def start(self, task: str, total: int) -> None:
        """Begin a task; ``total`` is 0 where the number of steps is not known."""
        self._finish()
        self._task, self._total, self._done = task, total, 0
        self._started = self._last_line = time.monotonic()
        self._first_step = 0.0
        if self._bars is not None:
            self._bar = self._bars.add_task(task, total=total or None, note="")

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Show that steps are done."""
        now = time.monotonic()
        self._done += steps
        if not self._first_step:
            # a resumed task reports its old steps at once; they say nothing of the speed
            self._first_step, self._done_at_first_step = now, self._done
        if self._bars is not None and self._bar is not None:
            self._bars.update(self._bar, completed=self._done, note=note)
        elif now - self._last_line >= _SECONDS_BETWEEN_LINES:
            self._last_line = now
            self._print(Text(f"  {self._task}: {self._state(now)}{', ' + note if note else ''}"))

    def say(self, message: str) -> None:
        """Show one line of what is happening."""
        self._print(Text(f"  {message}", style="dim"))

    def _state(self, now: float) -> str:
        if not self._total:
            return f"{self._done:,} done"
        share = f"{min(self._done / self._total, 1):.0%}"
        fresh = self._done - self._done_at_first_step
        if fresh <= 0:
            return share
        left = (now - self._first_step) / fresh * max(self._total - self._done, 0)
        return f"{share}, about {clock_text(left)} left"

    def _finish(self) -> None:
        if not self._task:
            return
        seconds = time.monotonic() - self._started
        took = f"  {clock_text(seconds)}" if seconds >= _SHORT_SECONDS else ""
        mark = "✓" if "utf" in (self._console.encoding or "").lower() else "*"
        self._print(Text.assemble((mark, "green"), f" {self._task}", (took, "dim")))
        self._task = ""
        if self._bars is not None and self._bar is not None:
            self._bars.remove_task(self._bar)
            self._bar = None

    def _print(self, line: RenderableType) -> None:
        self._console.print(line, soft_wrap=not self._console.is_terminal)


class _TimeLeft(ProgressColumn):
    """Share done and time left, or the time that has passed where the end is not known."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        if task.total is None:
            return Text(clock_text(task.elapsed or 0), style="dim")
        left = task.time_remaining
        rest = "" if left is None else f"  {clock_text(left)} left"
        return Text(f"{task.percentage:>3.0f}%{rest}")


def clock_text(seconds: float) -> str:
    """Write a duration shortly.

    Examples
    --------
    >>> clock_text(4.2), clock_text(151), clock_text(3723)
    ('4 s', '2:31 min', '1:02 h')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02d} h"
