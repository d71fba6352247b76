"""What long work looks like in a terminal and in a log."""

from __future__ import annotations

import io
import json
import time

import pytest
from rich.console import Console

from pricelm.cli import console
from pricelm.cli.console import TerminalProgress, clock_text, print_json


class Clock:
    """A clock that goes as far as it is told."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(console.time, "monotonic", clock.monotonic)
    return clock


def log_of(out: io.StringIO) -> list[str]:
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_a_log_gets_a_line_now_and_then_with_the_time_left(clock: Clock) -> None:
    out = io.StringIO()
    with TerminalProgress(Console(file=out, width=120)) as progress:
        progress.start("tuning", 100)
        for _ in range(100):
            clock.now += 2
            progress.advance(1, "loss 0.5")
    lines = log_of(out)
    assert 8 <= len(lines) <= 16
    # 8 of 100 steps after 16 seconds, two seconds each
    assert lines[0] == "  tuning: 8%, about 3:04 min left, loss 0.5"
    assert lines[-1] == "✓ tuning  3:20 min"


def test_steps_of_an_earlier_session_do_not_count_as_speed(clock: Clock) -> None:
    out = io.StringIO()
    with TerminalProgress(Console(file=out, width=120)) as progress:
        progress.start("tuning", 100)
        clock.now += 1
        progress.advance(80)
        clock.now += 20
        progress.advance(2)
    assert "82%, about 3:00 min left" in out.getvalue()


def test_a_task_without_an_end_says_how_much_is_done(clock: Clock) -> None:
    out = io.StringIO()
    with TerminalProgress(Console(file=out, width=120)) as progress:
        progress.start("pricing", 0)
        clock.now += 16
        progress.advance(5000)
    assert log_of(out)[0] == "  pricing: 5,000 done"


def test_what_has_failed_is_not_ticked_off(clock: Clock) -> None:
    out = io.StringIO()
    with pytest.raises(ValueError), TerminalProgress(Console(file=out)) as progress:
        progress.start("reading", 0)
        progress.start("checking", 0)
        raise ValueError
    assert log_of(out) == ["✓ reading"]


def test_a_terminal_gets_a_bar_that_goes_away() -> None:
    out = io.StringIO()
    with TerminalProgress(Console(file=out, force_terminal=True, width=100, color_system=None)) as progress:
        progress.start("tuning", 4)
        progress.advance(2, "loss 0.5")
        progress.say("epoch 1")
        end = time.monotonic() + 30
        while "50%" not in out.getvalue() and time.monotonic() < end:
            time.sleep(0.05)  # the bar is drawn ten times a second, by a thread of its own
    text = out.getvalue()
    assert "50%" in text and "loss 0.5" in text and "epoch 1" in text and "✓ tuning" in text


def test_names_with_brackets_are_shown_as_they_are(clock: Clock) -> None:
    out = io.StringIO()
    with TerminalProgress(Console(file=out, width=120)) as progress:
        progress.start("reading [bold]x[/bold].csv", 0)
        progress.say("title: [red]name")
    assert "[bold]x[/bold].csv" in out.getvalue() and "[red]name" in out.getvalue()


def test_json_is_valid_whatever_the_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"price": float("nan"), "ends": (1.5, float("inf")), "title": "杯子"})
    shown = capsys.readouterr().out
    assert json.loads(shown) == {"price": None, "ends": [1.5, None], "title": "杯子"}
    assert "杯子" in shown


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "0 s"), (59.6, "1:00 min"), (3599.7, "1:00 h")])
def test_durations(seconds: float, text: str) -> None:
    assert clock_text(seconds) == text
