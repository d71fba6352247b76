"""One of several processes of a search: ``python -m pricelm.learning.search_worker FOLDER NUMBER``.

It is started by ``search_pool``, takes its work from the folder and trials from the study there. It ends when
its standard input does, so that none is left behind when the one that started it is killed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pricelm.core.errors import PricelmError
from pricelm.language.handover import Job, write_failure
from pricelm.learning.search_space import SearchSpace

_ORPHANED = 3
_ORDER = "order.json"
_STOP = "stop"


@dataclass(frozen=True)
class Order:
    """What every process of a search is told besides the rows.

    Parameters
    ----------
    study, work : str
        Folder of the study, and that of checkpoints and models.
    space : dict
        The search space.
    seed : int
        Seed of what is proposed.
    trials : int or None
        Trials of the whole study.
    deadline : float or None
        Time of the day, in seconds of the epoch, at which to stop.
    """

    study: str
    work: str
    space: dict[str, Any]
    seed: int
    trials: int | None
    deadline: float | None

    def write(self, folder: Path) -> None:
        """Write the order into a folder."""
        (folder / _ORDER).write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Order:
        """Read back what :meth:`write` wrote."""
        return cls(**json.loads((folder / _ORDER).read_text(encoding="utf-8")))


def ask_to_stop(folder: Path) -> None:
    """Ask all processes that work for a folder to stop in good order."""
    (folder / _STOP).touch()


def main(folder: Path, number: int) -> int:
    """Run trials until there are none left, time is up, or it is asked to stop.

    Parameters
    ----------
    folder : pathlib.Path
        Holds order and rows.
    number : int
        Number of this process, from 1.

    Returns
    -------
    int
        Exit code; 1 after an error, which is in the folder.
    """
    # Ctrl-C is for the process that started this one; it asks all to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_standard_input, daemon=True).start()
    from pricelm.learning.search_run import TrialRunner
    from pricelm.learning.search_study import SearchStudy

    order = Order.read(folder)

    def stop() -> bool:
        late = order.deadline is not None and time.time() >= order.deadline
        return late or (folder / _STOP).exists()

    try:
        study = SearchStudy(Path(order.study), order.seed, number)
        space = SearchSpace.from_dict(order.space)
        runner = TrialRunner(
            Path(order.work), study, space, Job.read(folder), stop=stop, most_trials=order.trials
        )
        while runner.run_next() is not None:
            pass
    except PricelmError as error:
        write_failure(folder, number, error)
        return 1
    except Exception:
        traceback.print_exc()
        return 1
    return 0


def _end_with_standard_input() -> None:
    sys.stdin.buffer.read()
    os._exit(_ORPHANED)


if __name__ == "__main__":
    code = main(Path(sys.argv[1]), int(sys.argv[2]))
    sys.stdout.flush()
    sys.stderr.flush()
    # An orderly exit would abort for want of the standard input, which the thread is reading.
    os._exit(code)
