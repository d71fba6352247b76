"""One of several training processes: ``python -m pricelm.language.worker FOLDER RANK``.

It is started by ``launcher``, reads its work from the folder, and leaves its result as checkpoints. It ends
when its standard input does, so that none is left behind when the one that started it is killed.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from pathlib import Path

from pricelm.core.errors import PricelmError
from pricelm.core.protocols import Progress, Silence
from pricelm.language.handover import Job, LineProgress, write_failure

_ORPHANED = 3


def main(folder: Path, rank: int) -> int:
    """Train as one of the processes of a job.

    Parameters
    ----------
    folder : pathlib.Path
        Holds the job.
    rank : int
        Number of this process, from 0.

    Returns
    -------
    int
        Exit code; 1 after an error, which is in the folder.
    """
    # Ctrl-C reaches all at different moments; the one that started them tells all to stop at the same step.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_standard_input, daemon=True).start()
    try:
        take_part(folder, rank, LineProgress())
    except PricelmError as error:
        write_failure(folder, rank, error)
        return 1
    except Exception:
        # Left to the interpreter, it would end in an abort for want of the connections.
        traceback.print_exc()
        return 1
    return 0


def take_part(folder: Path, rank: int, progress: Progress) -> None:
    """Train as one of the processes of a job, whoever started it.

    Parameters
    ----------
    folder : pathlib.Path
        Holds the job.
    rank : int
        Number of this process, from 0.
    progress : Progress
        Told what happens if this process leads.
    """
    from pricelm.language.distributed import ProcessTeam, Team
    from pricelm.language.engine import train_here

    job = Job.read(folder)
    if job.config.processes == 1:
        train_here(job, progress, Team())
        return
    team = ProcessTeam(rank, job.config.processes, folder, sharded=job.config.sharded)
    train_here(job, progress if team.leads else Silence(), team)
    team.leave()


def _end_with_standard_input() -> None:
    sys.stdin.buffer.read()
    os._exit(_ORPHANED)


if __name__ == "__main__":
    code = main(Path(sys.argv[1]), int(sys.argv[2]))
    sys.stdout.flush()
    sys.stderr.flush()
    # An orderly exit would wait for connections to processes that may be gone.
    os._exit(code)
