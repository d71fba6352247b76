"""`pricelm predict` as a process: killed and interrupted, it goes on to the same bytes."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.generated_listings import listings_frame

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SECONDS = 600


def start(folder: Path, bundle: Path, out: str, limit: int | None = None) -> subprocess.Popen[str]:
    """Start the command; ``limit`` is the largest file that the system lets it write, in bytes."""

    def prepare() -> None:
        # a shell that runs the tests in the background may have told its children to ignore Ctrl-C
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    command = [sys.executable, "-m", "pricelm", "predict", str(bundle), "new.csv", "-o", out]
    return subprocess.Popen(
        [*command, "--chunk-rows", "50"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1", "COLUMNS": "100"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=prepare,
    )


def end_after(process: subprocess.Popen[str], journal: Path, lines: int, how: signal.Signals) -> str:
    """Send a signal as soon as the journal has so many lines; return what the command said."""
    limit = time.monotonic() + SECONDS
    while process.poll() is None and time.monotonic() < limit:
        if journal.exists() and journal.read_bytes().count(b"\n") >= lines:
            process.send_signal(how)
            break
        time.sleep(0.002)
    _, said = process.communicate(timeout=SECONDS)
    return said


@pytest.mark.parametrize("out", ["prices.csv.gz", "prices.parquet"])
def test_killed_interrupted_and_out_of_space_it_goes_on_to_the_same_bytes(
    fast_bundle: Path, tmp_path: Path, out: str
) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    for folder in ("whole", "parts"):
        listings_frame(2_000, seed=4).drop(columns="cost").to_csv(tmp_path / folder / "new.csv", index=False)
        with (tmp_path / folder / "new.csv").open("a") as file:
            file.write("S4-ragged,1,2\nS4-empty,,,,\n")
    whole = start(tmp_path / "whole", fast_bundle, out)
    assert whole.wait(SECONDS) == 0

    parts = tmp_path / "parts"
    unfinished = parts / f".{out}.unfinished"
    journal = unfinished / "journal.jsonl"
    killed = start(parts, fast_bundle, out)
    end_after(killed, journal, 4, signal.SIGKILL)
    assert killed.returncode == -signal.SIGKILL and not (parts / out).exists()

    interrupted = start(parts, fast_bundle, out)
    said = end_after(interrupted, journal, 10, signal.SIGINT)
    assert interrupted.returncode == 130, said
    assert "Traceback" not in said
    assert "listings are priced and kept in" in said
    assert f"To go on from there, run: pricelm predict {fast_bundle} new.csv -o {out}" in said
    assert not (parts / out).exists()

    # the system refuses to let any file grow beyond this, as it does when the disk is full
    full = start(parts, fast_bundle, out, limit=(unfinished / "prices").stat().st_size + 5_000)
    _, said = full.communicate(timeout=SECONDS)
    assert full.returncode == 6, said
    assert "the same command goes on from there" in said and "Traceback" not in said
    done = journal.read_bytes().count(b"\n")

    last = start(parts, fast_bundle, out)
    _, said = last.communicate(timeout=SECONDS)
    assert last.returncode == 0, said
    assert f"{(done - 1) * 50:,} listings are priced already" in said
    for name in (out, "rejected.csv"):
        assert (parts / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert not unfinished.exists()
