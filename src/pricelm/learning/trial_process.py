"""Starts the process of a trial, watches it, stops it in good order, and says how it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from queue import Empty, SimpleQueue

import pricelm
from pricelm.core.protocols import Progress
from pricelm.language.handover import read_failure, relay
from pricelm.language.interrupts import InterruptFlag

_LOOK_AGAIN_SECONDS = 0.05
_LAST_CHARACTERS = 300
_REMARKS = "remarks.txt"


class Interrupted(Exception):
    """Ctrl-C came; the trial was told and has ended."""


def carry_out(folder: Path, progress: Progress) -> str:
    """Run the trial in a folder to its end.

    Parameters
    ----------
    folder : pathlib.Path
        Holds ``trial.json``.
    progress : Progress
        Told what the trial reports.

    Returns
    -------
    str
        Why it failed; empty if it left a result.

    Raises
    ------
    Interrupted
        On Ctrl-C, after the trial has left a checkpoint; a second one kills it.
    """
    (folder / "failure-0.json").unlink(missing_ok=True)
    with InterruptFlag() as interrupt:
        process, lines = _start(folder)
        told = False
        try:
            while process.poll() is None:
                _pass_on(lines, progress)
                if interrupt.raised and not told:
                    told = True
                    progress.say("stopping after this step; Ctrl-C again stops at once")
                    process.send_signal(signal.SIGINT)
                time.sleep(_LOOK_AGAIN_SECONDS)
            _pass_on(lines, progress)
        except KeyboardInterrupt:
            raise Interrupted from None
        finally:
            _end(process)
    if interrupt.raised and process.returncode != 0:
        raise Interrupted
    return _reason(process.returncode, folder)


def _start(folder: Path) -> tuple[subprocess.Popen[bytes], SimpleQueue[str]]:
    own_code = str(Path(pricelm.__file__).parents[1])
    paths = [own_code, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    with (folder / _REMARKS).open("wb") as remarks:
        # A session of its own keeps a terminal's Ctrl-C away from it. -P: a file in the current folder that
        # is called like a library must not be imported in its place.
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-P", "-m", "pricelm.learning.trial", str(folder)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=remarks,
            start_new_session=True,
        )
    lines: SimpleQueue[str] = SimpleQueue()
    threading.Thread(target=_read, args=(process, lines), daemon=True).start()
    return process, lines


def _read(process: subprocess.Popen[bytes], lines: SimpleQueue[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line.decode("utf-8", errors="replace"))


def _pass_on(lines: SimpleQueue[str], progress: Progress) -> None:
    while True:
        try:
            relay(lines.get_nowait(), progress)
        except Empty:
            return


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait()
    if process.stdin is not None:
        process.stdin.close()


def _reason(code: int, folder: Path) -> str:
    if code == 0:
        return ""
    error = read_failure(folder, 0)
    if error is not None:
        return " ".join(str(error).split())
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        hint = ", perhaps because memory ran out; lower the maximum length" if name == "SIGKILL" else ""
        return f"the trial's process was killed ({name}){hint}"
    last = (folder / _REMARKS).read_text(encoding="utf-8", errors="replace")[-_LAST_CHARACTERS:]
    return f"the trial's process ended with code {code}: {' '.join(last.split())}"
