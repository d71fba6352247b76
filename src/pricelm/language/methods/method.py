"""What every method is: it prepares a network for tuning and leaves it ready to be saved."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from torch import Tensor

from pricelm.language.options import Options

if TYPE_CHECKING:
    from pricelm.language.network import TextRegressor


class Method(ABC):
    """Decides which weights are tuned.

    Parameters
    ----------
    name : str
        As it was asked for, for example ``last-2``.
    options : Options
        Of the class that ``options_class`` names.

    Attributes
    ----------
    reads_once : bool
        Whether the backbone says the same of a text from first to last, so that it is asked once.
    """

    options_class: ClassVar[type[Options]] = Options
    reads_once: ClassVar[bool] = False

    def __init__(self, name: str, options: Options) -> None:
        self.name, self.options = name, options

    @abstractmethod
    def apply(self, network: TextRegressor) -> None:
        """Add what is to be added and mark what is tuned with ``requires_grad``."""

    def start(self, network: TextRegressor, total_steps: int) -> None:  # noqa: B027
        """Be told how long the run is."""

    def penalty(self, network: TextRegressor) -> Tensor | None:
        """Return what is added to the loss of a step, or None."""
        return None

    def after_step(self, network: TextRegressor, step: int) -> None:  # noqa: B027
        """Be told that a step, counted from 1, was taken; the gradients are still there."""

    def state(self, network: TextRegressor) -> dict[str, Tensor]:
        """Return what a checkpoint must hold beside the tuned weights."""
        return {}

    def restore(self, network: TextRegressor, state: Mapping[str, Tensor]) -> None:  # noqa: B027
        """Take back what :meth:`state` gave."""

    def report(self, network: TextRegressor) -> dict[str, Any]:
        """Return what is worth knowing after training, as values that JSON can hold."""
        return {}

    def finish(self, network: TextRegressor) -> None:  # noqa: B027
        """Fold into the backbone what can be folded; predictions stay the same."""


def freeze(network: TextRegressor) -> None:
    """Mark every weight of the backbone as not tuned."""
    for parameter in network.encoder.parameters():
        parameter.requires_grad_(False)
