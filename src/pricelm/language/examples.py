"""Examples: what a network reads, as tokens or as states that a frozen encoder gave once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from pricelm.language.batching import token_budget_batches
from pricelm.language.distributed import Team
from pricelm.language.network import TextRegressor
from pricelm.language.tokens import TokenizedTexts

# With this many positions a batch, 64 texts of 64 tokens are read at once, where a CPU is near its best.
_USUAL_LENGTH = 64


class Source(Protocol):
    """Gives pooled states of texts, however they come about."""

    @property
    def lengths(self) -> np.ndarray:
        """Cost of each text, shape (n,), for batches of even cost."""
        ...

    def pooled(self, network: TextRegressor, rows: np.ndarray) -> Tensor:
        """Return the pooled states of some texts, shape (n_rows, hidden_size)."""
        ...


@dataclass(frozen=True)
class TokenSource:
    """Runs the encoder over tokens."""

    texts: TokenizedTexts
    device: torch.device

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each text."""
        return self.texts.lengths

    def pooled(self, network: TextRegressor, rows: np.ndarray) -> Tensor:
        """Return the encoder's pooled states."""
        ids, mask = self.texts.pad(rows)
        return network.pool(ids.to(self.device), mask.to(self.device))


@dataclass(frozen=True)
class StateSource:
    """Hands out states that a frozen encoder gave earlier."""

    states: Tensor

    @property
    def lengths(self) -> np.ndarray:
        """One for each text: all cost the same."""
        return np.ones(len(self.states), dtype=np.int64)

    def pooled(self, network: TextRegressor, rows: np.ndarray) -> Tensor:
        """Return the stored states."""
        return self.states[torch.from_numpy(rows)]


@dataclass(frozen=True)
class Examples:
    """Texts with what belongs to them.

    Parameters
    ----------
    source : Source
        The texts.
    facts : torch.Tensor or None
        Standardized facts and missing indicators, shape (n, 2k).
    targets : torch.Tensor or None
        Standardized targets, shape (n,).
    """

    source: Source
    facts: Tensor | None = None
    targets: Tensor | None = None

    def __len__(self) -> int:
        return len(self.source.lengths)

    def predict(
        self,
        network: TextRegressor,
        rows: np.ndarray,
        arithmetic: AbstractContextManager[object] | None = None,
    ) -> Tensor:
        """Return the network's outputs for some rows, shape (n_rows, n_outputs).

        ``arithmetic`` is a context such as autocast for the encoder; the head always works in fp32.
        """
        facts = None if self.facts is None else self.facts[torch.from_numpy(rows)]
        with arithmetic or nullcontext():
            pooled = self.source.pooled(network, rows)
        return network.regress(pooled, facts)


def predict_all(
    network: TextRegressor, examples: Examples, batch_size: int, team: Team | None = None
) -> Tensor:
    """Return the outputs of every row in fp32, shape (n, n_outputs), on the CPU; the network keeps its mode.

    Parameters
    ----------
    network : TextRegressor
        The network.
    examples : Examples
        What to predict.
    batch_size : int
        Texts of 64 tokens that are read at once; of shorter ones more, of longer ones fewer.
    team : Team, optional
        Processes that share the work; each gets all predictions.

    Returns
    -------
    torch.Tensor
        What the network's task decodes.
    """
    team = team or Team()
    out = torch.zeros(len(examples), network.head.out_features)
    batches = token_budget_batches(examples.source.lengths, batch_size * _USUAL_LENGTH)
    with _evaluation(network), torch.inference_mode():
        for rows, counts in team.turns(batches):
            predicted = examples.predict(network, rows).cpu()
            if counts:
                out[torch.from_numpy(rows)] = predicted
    return team.total(out)


def pool_all(network: TextRegressor, source: Source, batch_size: int) -> Tensor:
    """Return the pooled states of every text in fp32, shape (n, hidden_size), on the CPU."""
    out = torch.empty(len(source.lengths), network.head.in_features)
    # no_grad and not inference_mode: a head is trained on these states, which inference tensors forbid.
    with _evaluation(network), torch.no_grad():
        for rows in token_budget_batches(source.lengths, batch_size * _USUAL_LENGTH):
            out[torch.from_numpy(rows)] = source.pooled(network, rows).cpu()
    return out


@contextmanager
def _evaluation(network: TextRegressor) -> Iterator[None]:
    was_training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(was_training)
