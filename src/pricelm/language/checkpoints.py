"""Checkpoints: folders of safetensors and JSON, written so that a crash never leaves half of one."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from pricelm.core.errors import BundleError, TrainingStopped

_FORMAT = 1
_NAME = re.compile(r"checkpoint-(\d{6})")
_UNFINISHED = ".unfinished-"


@dataclass
class RunState:
    """How far a training run has come; everything that is not a tensor.

    Parameters
    ----------
    epoch : int
        Epochs completed.
    steps_in_epoch : int
        Steps taken of the epoch after those.
    step : int
        Steps taken altogether.
    loss_sum : float
        Sum of the losses of the texts read in the current epoch.
    texts_in_epoch : int
        Number of those texts.
    seconds : float
        Time spent, over all sessions.
    best_loss : float or None
        Lowest validation loss so far.
    best_epoch : int
        Epoch of it, from 1; 0 if there is none.
    finished : bool
        Whether training is over.
    history : list of dict
        One record an epoch.
    """

    epoch: int = 0
    steps_in_epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    texts_in_epoch: int = 0
    seconds: float = 0.0
    best_loss: float | None = None
    best_epoch: int = 0
    finished: bool = False
    history: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint as read: where it stood, and its tensors by group and name."""

    state: RunState
    fingerprint: str
    tensors: dict[str, dict[str, Tensor]]


def write_checkpoint(
    run_dir: Path, state: RunState, fingerprint: str, tensors: Mapping[str, Mapping[str, Tensor]]
) -> Path:
    """Write a checkpoint and, once it is complete, remove older ones.

    Parameters
    ----------
    run_dir : pathlib.Path
        Folder of the run; made if it is missing.
    state : RunState
        How far the run has come.
    fingerprint : str
        Identifies config and data; a run with another one must not resume from here.
    tensors : mapping of str to mapping of str to torch.Tensor
        Groups of tensors, one safetensors file each.

    Returns
    -------
    pathlib.Path
        The checkpoint's folder.

    Raises
    ------
    TrainingStopped
        If it cannot be written, for example because the disk is full; an older checkpoint stays.
    """
    older = _checkpoints(run_dir)
    place = run_dir / f"checkpoint-{(_number(older[-1]) if older else 0) + 1:06d}"
    unfinished: Path | None = None
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        unfinished = Path(mkdtemp(prefix=_UNFINISHED, dir=run_dir))
        for group, members in tensors.items():
            named = {name: tensor.detach().cpu().contiguous() for name, tensor in members.items()}
            save_file(named, unfinished / f"{group}.safetensors")
        record = {
            "format": _FORMAT,
            "fingerprint": fingerprint,
            "groups": sorted(tensors),
            "state": asdict(state),
        }
        (unfinished / "state.json").write_text(json.dumps(record, indent=1), encoding="utf-8")
        unfinished.rename(place)
    except (OSError, SafetensorError) as error:
        if unfinished is not None:
            shutil.rmtree(unfinished, ignore_errors=True)
        kept = f"the checkpoint {older[-1].name} is intact" if older else "there is no earlier checkpoint"
        raise TrainingStopped(
            f"the checkpoint after step {state.step} could not be written to {run_dir} ({error}); {kept}. "
            "Free some space or correct the folder's permissions, then run the same command again"
        ) from error
    for folder in [*older, *run_dir.glob(f"{_UNFINISHED}*")]:
        shutil.rmtree(folder, ignore_errors=True)
    return place


def read_checkpoint(run_dir: Path) -> Checkpoint | None:
    """Read the newest complete checkpoint of a run.

    Parameters
    ----------
    run_dir : pathlib.Path
        Folder of the run; it need not exist.

    Returns
    -------
    Checkpoint or None
        None if there is no checkpoint.

    Raises
    ------
    BundleError
        If a file of it is missing or broken.
    """
    found = _checkpoints(run_dir)
    if not found:
        return None
    folder = found[-1]
    try:
        record = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        if record["format"] != _FORMAT:
            raise ValueError(f"it has format {record['format']}, this pricelm writes {_FORMAT}")
        tensors = {group: load_file(folder / f"{group}.safetensors") for group in record["groups"]}
        return Checkpoint(RunState(**record["state"]), record["fingerprint"], tensors)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise BundleError(
            f"the checkpoint {folder} cannot be read ({error}). Delete that folder to train from the start"
        ) from error


def optimizer_tensors(optimizer: Optimizer, parameters: Mapping[str, nn.Parameter]) -> dict[str, Tensor]:
    """Return an optimizer's memory of each parameter, named ``"what:parameter"``."""
    return {
        f"{what}:{name}": value
        for name, parameter in parameters.items()
        for what, value in optimizer.state.get(parameter, {}).items()
        if isinstance(value, Tensor)
    }


def restore_optimizer(
    optimizer: Optimizer,
    parameters: Mapping[str, nn.Parameter],
    tensors: Mapping[str, Tensor],
    place: Callable[[Tensor, Tensor], Tensor] = lambda tensor, parameter: tensor,
) -> None:
    """Give an optimizer back what :func:`optimizer_tensors` took from it.

    ``place`` returns the part of a tensor that this process holds of a parameter.
    """
    for key, value in tensors.items():
        what, name = key.split(":", 1)
        parameter = parameters[name]
        optimizer.state[parameter][what] = place(value.clone().to(parameter.device), parameter)


def random_tensors(device: torch.device) -> dict[str, Tensor]:
    """Return the state of torch's random numbers as byte tensors."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def restore_random(tensors: Mapping[str, Tensor], device: torch.device) -> None:
    """Set the state of torch's random numbers, if there is one to be set."""
    if not tensors:
        return
    torch.set_rng_state(tensors["cpu"].clone())
    if device.type == "cuda" and "cuda" in tensors:
        torch.cuda.set_rng_state(tensors["cuda"].clone(), device)


def _checkpoints(run_dir: Path) -> list[Path]:
    return sorted(path for path in run_dir.glob("checkpoint-*") if _NAME.fullmatch(path.name))


def _number(folder: Path) -> int:
    found = _NAME.fullmatch(folder.name)
    return int(found[1]) if found else 0
