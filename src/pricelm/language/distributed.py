"""A team of processes that train one network; a process on its own is the smallest team.

Every process of a team runs the same training loop on its share of each step's texts. What they have to
agree on (gradients, losses, whether to stop) goes through the methods below, which all of them must call in
the same order. Nothing here starts a process: see ``launcher``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from pricelm.core.errors import ConfigError

if TYPE_CHECKING:
    from pricelm.language.network import TextRegressor

_SEEDS_APART = 1_000_003
_TINY = 1e-6

Item = TypeVar("Item")


class Team:
    """A process that trains alone: everything is its own, and there is nobody to agree with.

    Examples
    --------
    >>> [rows.tolist() for rows, weight in Team().shares([np.array([4, 7])])]
    [[4, 7]]
    """

    rank = 0
    size = 1

    @property
    def leads(self) -> bool:
        """Whether this process is the one that writes files."""
        return self.rank == 0

    def join(self, network: TextRegressor, seed: int) -> None:
        """Make the network ready to be trained by this team."""

    def shares(self, batches: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, float]]:
        """Yield this process's rows of each batch, and what their loss counts, 1 or 0."""
        for rows in batches:
            yield rows, 1.0

    def turns(self, items: Iterable[Item]) -> Iterator[tuple[Item, bool]]:
        """Yield the items that this process works on, and whether their result is asked of it."""
        for item in items:
            yield item, True

    def total(self, numbers: Tensor) -> Tensor:
        """Return the sum over all processes."""
        return numbers

    def agree(self, flag: bool) -> bool:
        """Return whether any process raised its flag."""
        return flag

    def add_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Add up the gradients of all processes."""

    def clip_gradients(self, parameters: Iterable[nn.Parameter], limit: float) -> float:
        """Shorten the gradient to ``limit`` where it is longer, and return how long it was."""
        return float(torch.nn.utils.clip_grad_norm_(parameters, limit))

    def whole(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return tensors with the parts that other processes hold."""
        return dict(tensors)

    def place(self, tensor: Tensor, parameter: Tensor) -> Tensor:
        """Return the part of a tensor that this process holds of a parameter of the same shape."""
        return tensor

    def all_random(self, own: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the random states of all processes, by name."""
        return own

    def own_random(self, states: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Return this process's random state among those of :meth:`all_random`; empty if it is not there."""
        return states


class ProcessTeam(Team):
    """This process as one of several, connected through accelerate.

    Whoever started the processes may have connected them already, as Ray Train does; else they meet in
    the folder.

    Parameters
    ----------
    rank : int
        Number of this process, from 0.
    size : int
        Number of processes.
    folder : pathlib.Path
        Where they meet; a file called ``stop`` in it asks them to stop after the next step.
    sharded : bool, default False
        Keep only a part of the encoder's weights, gradients and optimizer memory in each process.
    """

    def __init__(self, rank: int, size: int, folder: Path, *, sharded: bool = False) -> None:
        from accelerate import PartialState

        on_cpu = not torch.cuda.is_available()
        connected = torch.distributed.is_initialized()
        if not connected and not on_cpu and torch.cuda.device_count() < size:
            raise ConfigError(
                f"expected one CUDA device for each of {size} processes, found {torch.cuda.device_count()}; "
                "lower processes, or hide the devices to train on the CPU"
            )
        meeting: dict[str, Any] = {}
        if not connected:
            store = torch.distributed.FileStore(str(folder / "meeting-point"), size)
            meeting = {"store": store, "rank": rank, "world_size": size}
        self._state = PartialState(on_cpu, backend="gloo" if on_cpu else "nccl", **meeting)
        self.rank, self.size, self.sharded = rank, size, sharded
        self.device = self._state.device
        self._stop = folder / "stop"

    def leave(self) -> None:
        """Wait for the others and close the connection."""
        self._state.wait_for_everyone()
        self._state.destroy_process_group()

    def join(self, network: TextRegressor, seed: int) -> None:
        """Shard the encoder if it is to be, and give this process a dropout of its own."""
        if self.sharded:
            _shard(network.encoder, self.device.type, self.size)
        if self.rank:
            torch.manual_seed(seed + _SEEDS_APART * self.rank)

    def shares(self, batches: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, float]]:
        """Yield every ``size``-th row of each batch.

        A process that is left without a row reads one whose loss counts nothing: the layers of a sharded
        encoder are put together by all processes or not at all.
        """
        for rows in batches:
            own = rows[self.rank :: self.size]
            yield (own, 1.0) if len(own) else (rows[:1], 0.0)

    def turns(self, items: Iterable[Item]) -> Iterator[tuple[Item, bool]]:
        """Yield every ``size``-th item, as often in each process: some are worked on only to keep step."""
        everything = list(items)
        for start in range(0, len(everything), self.size):
            own = start + self.rank
            yield (everything[own], True) if own < len(everything) else (everything[start], False)

    def total(self, numbers: Tensor) -> Tensor:
        """Return the sum over all processes, on the CPU."""
        from accelerate.utils import reduce

        summed: Tensor = reduce(numbers.to(self.device), "sum")
        return summed.cpu()

    def agree(self, flag: bool) -> bool:
        """Return whether any process raised its flag, or somebody asked from outside."""
        return bool(self.total(torch.tensor(float(flag or self._stop.exists()))) > 0)

    def add_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Add up the gradients of all processes; those of sharded weights are summed on the way back."""
        for parameter in parameters:
            if parameter.grad is not None and not _is_sharded(parameter):
                torch.distributed.all_reduce(parameter.grad)

    def clip_gradients(self, parameters: Iterable[nn.Parameter], limit: float) -> float:
        """Shorten the gradient to ``limit`` where it is longer, and return how long it was."""
        if not self.sharded:
            return super().clip_gradients(parameters, limit)
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        split = [_local(gradient) for gradient in gradients if _is_sharded(gradient)]
        common = [gradient for gradient in gradients if not _is_sharded(gradient)]
        square = float(self.total(_square(split))) + float(_square(common))
        norm = square**0.5
        if norm > limit:
            for gradient in (*split, *common):
                gradient.mul_(limit / (norm + _TINY))
        return norm

    def whole(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return tensors with the parts that other processes hold."""
        return {
            name: _sharded(tensor).full_tensor() if _is_sharded(tensor) else tensor
            for name, tensor in tensors.items()
        }

    def place(self, tensor: Tensor, parameter: Tensor) -> Tensor:
        """Return this process's part of a tensor if the parameter is sharded."""
        from torch.distributed.tensor import distribute_tensor

        if not _is_sharded(parameter) or _is_sharded(tensor) or tensor.shape != parameter.shape:
            return tensor
        like = _sharded(parameter)
        # Every process has read the whole tensor from the same file, so none has to send it.
        return distribute_tensor(
            tensor.to(self.device), like.device_mesh, like.placements, src_data_rank=None
        )

    def all_random(self, own: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the random states of all processes; those of the leading one keep their names."""
        found: dict[str, Tensor] = {}
        for name, state in own.items():
            states = [torch.empty_like(state, device=self.device) for _ in range(self.size)]
            torch.distributed.all_gather(states, state.to(self.device))
            found |= {self._named(name, rank): other.cpu() for rank, other in enumerate(states)}
        return found

    def own_random(self, states: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Return this process's random state; empty if the run had fewer processes when it was stopped."""
        names = {name for name in states if ":" not in name}
        if not all(self._named(name, self.rank) in states for name in names):
            return {}
        return {name: states[self._named(name, self.rank)] for name in names}

    def _named(self, name: str, rank: int) -> str:
        return f"{name}:{rank}" if rank else name


def _shard(encoder: Any, device_type: str, size: int) -> None:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import FSDPModule, fully_shard

    mesh = init_device_mesh(device_type, (size,))
    n_layers = int(encoder.config.num_hidden_layers)
    stacks = [m for m in encoder.modules() if isinstance(m, nn.ModuleList) and len(m) == n_layers]
    for layer in stacks[0]:
        fully_shard(layer, mesh=mesh, reshard_after_forward=True)
    fully_shard(encoder, mesh=mesh, reshard_after_forward=True)
    for module in encoder.modules():
        if isinstance(module, FSDPModule):
            # Losses are divided by the texts of the whole step already. Without the second line torch asks
            # gloo for a kind of sum that it does not have.
            module.set_gradient_divide_factor(1.0)
            module.set_force_sum_reduction_for_comms(True)


def _is_sharded(tensor: Tensor) -> bool:
    # A DTensor, told by its attributes: to ask for the class would load torch.distributed.tensor every time.
    return hasattr(tensor, "placements")


def _sharded(tensor: Tensor) -> Any:
    return tensor


def _local(tensor: Tensor) -> Tensor:
    part: Tensor = _sharded(tensor).to_local()
    return part


def _square(tensors: list[Tensor]) -> Tensor:
    return torch.stack([tensor.square().sum() for tensor in tensors]).sum() if tensors else torch.zeros(())
