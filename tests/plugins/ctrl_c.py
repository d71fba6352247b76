"""Gives tests a Ctrl-C that works, also where the test run was started in the background.

A shell starts background jobs with SIGINT ignored, and Python leaves it so; a test that interrupts
itself, or a command that it has started, would then wait in vain.
"""

from __future__ import annotations

import signal

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Restore Python's own handling of Ctrl-C."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
