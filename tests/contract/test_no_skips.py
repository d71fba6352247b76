"""The plugin that turns skips into failures does so, and only when it is asked to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SKIPPED_TEST = "import pytest\n\ndef test_skipped():\n    pytest.skip('no browser')\n"
SKIPPED_MODULE = (
    "import pytest\n\npytest.importorskip('a_library_that_is_nowhere')\n\ndef test_a():\n    pass\n"
)
EXPECTED_FAILURE = "import pytest\n\n@pytest.mark.xfail\ndef test_known():\n    assert False\n"


def run_pytest(folder: Path, source: str, no_skips: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_sample.py").write_text(source, encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.plugins.no_skips", "-p", "no:cacheprovider",
         "-c", os.devnull, "--rootdir", str(folder), str(folder)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        env={**os.environ, "PRICELM_NO_SKIPS": no_skips},
    )  # fmt: skip


@pytest.mark.parametrize("source", [SKIPPED_TEST, SKIPPED_MODULE], ids=["test", "module"])
def test_a_skip_fails_where_it_is_forbidden(tmp_path: Path, source: str) -> None:
    done = run_pytest(tmp_path, source, no_skips="1")
    assert done.returncode not in (0, 5), done.stdout
    assert "was skipped, and PRICELM_NO_SKIPS forbids it" in done.stdout


@pytest.mark.parametrize("source", [SKIPPED_TEST, SKIPPED_MODULE], ids=["test", "module"])
def test_a_skip_stays_a_skip_elsewhere(tmp_path: Path, source: str) -> None:
    done = run_pytest(tmp_path, source, no_skips="0")
    assert "1 skipped" in done.stdout
    assert "failed" not in done.stdout


def test_an_expected_failure_is_left_alone(tmp_path: Path) -> None:
    done = run_pytest(tmp_path, EXPECTED_FAILURE, no_skips="1")
    assert done.returncode == 0, done.stdout
    assert "1 xfailed" in done.stdout
