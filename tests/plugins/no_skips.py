"""Turn skips into failures where everything a test may want is installed.

A test that is skipped on the one machine that should run it protects nothing. With
``PRICELM_NO_SKIPS=1`` in the environment a skipped test fails and says what it missed.
Tests that are expected to fail stay as they are.
"""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

VARIABLE = "PRICELM_NO_SKIPS"


def _fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    if os.environ.get(VARIABLE, "") in ("", "0") or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    report.outcome = "failed"
    report.longrepr = f"{report.nodeid} was skipped, and {VARIABLE} forbids it: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _fail_if_skipped(report)
    return report
