"""The measured speeds of backbones, kept in the cache for this machine and these versions."""

from __future__ import annotations

import json
import os
import platform
import tempfile
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pricelm
from pricelm.language.backbones import Backbone
from pricelm.language.conversion import cache_folder

_FILE = "speeds.json"
_CPU_INFO = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Speed:
    """How fast a backbone is here.

    Parameters
    ----------
    reading_tokens_per_second, tuning_tokens_per_second : float
        With texts of 64 tokens; tuning is full.
    """

    reading_tokens_per_second: float
    tuning_tokens_per_second: float


def machine_key() -> str:
    """Return what a measured speed depends on: processor, cores, threads and versions.

    Examples
    --------
    >>> "cores" in machine_key()
    True
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    libraries = f"pricelm {pricelm.__version__}, torch {version('torch')}"
    return f"{_processor()}, {cores} cores, {threads} threads, {libraries}"


def speed_of(backbone: Backbone, *, measure: bool) -> Speed:
    """Return the speed of a backbone, from the cache or measured for a few seconds.

    Parameters
    ----------
    backbone : Backbone
        The backbone.
    measure : bool
        Measure even if it was measured before.

    Returns
    -------
    Speed
        Kept for the next time, if the cache can be written.
    """
    key, place = machine_key(), cache_folder() / _FILE
    name = f"{backbone.name} {backbone.folder.name}"
    known = _read(place)
    try:
        kept = Speed(**known[key][name])
        if not measure and min(kept.reading_tokens_per_second, kept.tuning_tokens_per_second) > 0:
            return kept
    except (KeyError, TypeError):
        pass  # never measured here, or the file is not ours
    from pricelm.language.speed import measure_speed

    speed = Speed(*(round(value, 1) for value in measure_speed(backbone.load_encoder())))
    known[key] = {**_mapping(known.get(key)), name: asdict(speed)}
    _write(place, known)
    return speed


def _processor() -> str:
    try:
        for line in _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _read(place: Path) -> dict[str, Any]:
    try:
        return _mapping(json.loads(place.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError):
        return {}


def _write(place: Path, known: dict[str, Any]) -> None:
    """Write all or nothing; a cache that cannot be written is done without."""
    temporary: Path | None = None
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=place.parent, suffix=".part", delete=False) as file:
            temporary = Path(file.name)
            json.dump(known, file, indent=1)
        temporary.replace(place)
    except OSError:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
