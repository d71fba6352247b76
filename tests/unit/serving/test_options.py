"""Threads are what the machine gives: its cores, or less in a container."""

from __future__ import annotations

from pathlib import Path

import pytest

from pricelm.serving import options as options_module
from pricelm.serving.options import ServingOptions, available_cores


@pytest.mark.parametrize(
    ("quota", "expected"),
    [
        ("200000 100000", 2),
        ("150000 100000", 1),
        ("50000 100000", 1),
        ("max 100000", 8),
        ("9900000 100000", 8),
        ("", 8),
    ],
)
def test_a_container_gets_what_it_pays_for(
    quota: str, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(options_module.os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    (tmp_path / "cpu.max").write_text(quota)
    assert available_cores(tmp_path / "cpu.max") == expected
    assert available_cores(tmp_path / "nothing") == 8


def test_threads_that_were_asked_for_win() -> None:
    assert ServingOptions(threads=3).threads_here == 3
    assert ServingOptions().threads_here == available_cores()
