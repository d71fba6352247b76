"""Ctrl-C during training: noted, and obeyed at the end of the step, when the weights are in order."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class InterruptFlag:
    """Turns the first Ctrl-C inside the block into a flag; a second one interrupts at once.

    Attributes
    ----------
    raised : bool
        True after a Ctrl-C.

    Examples
    --------
    >>> with InterruptFlag() as interrupt:
    ...     signal.raise_signal(signal.SIGINT)
    >>> interrupt.raised
    True
    """

    def __init__(self) -> None:
        self.raised = False
        self._previous: Any = None

    def __enter__(self) -> InterruptFlag:
        # Only the main thread may handle signals, and a process told to ignore Ctrl-C shall go on doing so.
        in_main_thread = threading.current_thread() is threading.main_thread()
        if in_main_thread and signal.getsignal(signal.SIGINT) not in (signal.SIG_IGN, None):
            self._previous = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.raised:
            raise KeyboardInterrupt
        self.raised = True
