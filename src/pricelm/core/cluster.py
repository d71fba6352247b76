"""Ray: several machines, or all cores of this one, as one cluster; imported late like everything optional."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from pricelm.core.extras import require
from pricelm.core.protocols import Progress

_EXTRA = "ray"


@contextmanager
def ray_cluster(progress: Progress) -> Iterator[int]:
    """Connect to a Ray cluster inside the block.

    It is the one that the program is connected to already, or that ``RAY_ADDRESS`` or this machine tells of;
    where there is none, this machine becomes one until the end of the block. Ray's reports to its makers are
    switched off.

    Parameters
    ----------
    progress : Progress
        Told about the cluster.

    Yields
    ------
    int
        The number of its cores.

    Raises
    ------
    MissingExtraError
        If Ray is not installed.
    """
    ray = require("ray", extra=_EXTRA, purpose="compute on a cluster")
    ours = not ray.is_initialized()
    if ours:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        progress.say("connecting to Ray")
        ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    try:
        machines = sum(node["Alive"] for node in ray.nodes())
        cores = int(ray.cluster_resources().get("CPU", 0))
        progress.say(f"Ray cluster: {cores} cores on {machines} machine{'s' * (machines != 1)}")
        yield cores
    finally:
        if ours:
            ray.shutdown()
