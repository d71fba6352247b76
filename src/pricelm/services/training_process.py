"""The process of a training that the console started: trains, registers the version, and says how it went.

It runs at low priority and ends itself when it is told to, takes too long, or takes too much memory. It goes
on when the service that started it stops.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
import time
from pathlib import Path

from pricelm.core.errors import PricelmError, TrainingStopped
from pricelm.services.training_folder import (
    MODEL,
    RESULT,
    STOP,
    FolderProgress,
    TrainingOrder,
    write_document,
)

STORE_VARIABLE = "PRICELM_STORE"
_NICE = 10
_LIKELY_VICTIM = "600"
_LOOK_SECONDS = 0.5
_LEAVE_SECONDS = 60.0
_KILOBYTES = 1024 if sys.platform != "darwin" else 1 << 20


def main(folder: Path) -> int:
    """Carry out the order in a folder and return the exit code."""
    os.nice(_NICE)
    _be_the_first_to_go()
    order = TrainingOrder.read(folder)
    watch = _Watch(folder, order)
    watch.start()
    try:
        result = _train(folder, order)
    except (TrainingStopped, KeyboardInterrupt):
        _end(folder, watch.reason or "stopped", state="failed" if watch.failed else "cancelled")
        return 1
    except PricelmError as error:
        _end(folder, str(error), state="failed")
        return 1
    except MemoryError:
        _end(folder, "memory ran out: take a smaller preset, or fewer listings", state="failed")
        return 1
    write_document(folder / RESULT, result)
    return 0


def _train(folder: Path, order: TrainingOrder) -> dict[str, object]:
    from pricelm.services.bootstrap import open_registry
    from pricelm.services.training import TrainingOptions, TrainingRequest, train_model

    store = os.environ[STORE_VARIABLE]
    progress = FolderProgress(folder)
    options = TrainingOptions(preset=order.preset, currency=order.currency or None)
    request = TrainingRequest(
        folder / order.listings, folder / MODEL, roles=dict(order.roles), options=options, store=store
    )
    result = train_model(request, progress)
    progress.start("registering the version", 0)
    version, _ = open_registry(store).register(result.bundle, order.actor)
    return {
        "state": "finished",
        "version": version.version,
        "labels": result.labels,
        "rows": result.model.training_["rows"],
        "rejected": dict(result.data.rejected),
        "ended": time.time(),
    }


class _Watch(threading.Thread):
    """Ends the training when it is told to, or at a limit; training itself leaves a checkpoint."""

    def __init__(self, folder: Path, order: TrainingOrder) -> None:
        super().__init__(daemon=True)
        self._folder, self._order = folder, order
        self._begun = time.monotonic()
        self.reason, self.failed = "", False

    def run(self) -> None:
        while not self.reason:
            time.sleep(_LOOK_SECONDS)
            self.reason = self._why_stop()
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(_LEAVE_SECONDS)
        # it sits in a library that does not listen
        _end(self._folder, self.reason, state="failed" if self.failed else "cancelled")
        os._exit(1)

    def _why_stop(self) -> str:
        if (self._folder / STOP).exists():
            return "stopped"
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KILOBYTES >> 20
        if used > self._order.megabytes:
            self.failed = True
            return (
                f"it took {used:,} MB of memory and {self._order.megabytes:,} are allowed: take a smaller "
                "preset, or raise PRICELM_TRAINING_MEGABYTES"
            )
        if time.monotonic() - self._begun > self._order.seconds:
            self.failed = True
            return (
                f"it took longer than {self._order.seconds / 3600:g} hours: take a smaller preset, or raise "
                "PRICELM_TRAINING_HOURS; it goes on from where it was when it is started again"
            )
        return ""


def _end(folder: Path, reason: str, *, state: str) -> None:
    write_document(folder / RESULT, {"state": state, "reason": reason[:2_000], "ended": time.time()})


def _be_the_first_to_go() -> None:
    """Where memory runs out on Linux, this process is killed and not the service."""
    try:
        Path("/proc/self/oom_score_adj").write_text(_LIKELY_VICTIM, encoding="ascii")
    except OSError:
        return


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
