"""Supervision: somebody outside who sees each epoch of a training and may end it. No torch here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class Supervisor(Protocol):
    """Follows one training, for example to give up one that does worse than others did.

    An interrupted training that goes on has lost no epoch: what is passed is always the whole history.
    """

    def after_epoch(self, history: Sequence[Mapping[str, Any]]) -> None:
        """Take the records of all epochs so far; an exception raised here ends the training."""
        ...

    def wants_stop(self) -> bool:
        """Tell, after each step, whether training shall stop as after a Ctrl-C: in order, to be resumed."""
        ...


class NoSupervisor:
    """Lets a training run to its end.

    Examples
    --------
    >>> NoSupervisor().wants_stop()
    False
    """

    def after_epoch(self, history: Sequence[Mapping[str, Any]]) -> None:
        """Do nothing."""

    def wants_stop(self) -> bool:
        """Never ask for a stop."""
        return False
