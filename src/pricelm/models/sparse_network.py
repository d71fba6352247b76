"""A small neural network over sparse binary features.

Two dense layers behind a sparse embedding sum, as the winners of the Mercari price
challenge used. It is trained with torch and read back with numpy alone, so that a
service needs no torch for it.

References
----------
Jankiewicz, P. and Lopuhin, K. (2018). Mercari price suggestion challenge, 1st place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file
from scipy import sparse

from pricelm.core.extras import require

_ROWS_A_BLOCK = 20_000


@dataclass(frozen=True)
class SparseNetworkConfig:
    """Size and training of the sparse network.

    Parameters
    ----------
    width, second_width : int
        Units of the two hidden layers.
    epochs : int
        Passes over the rows.
    batch_size : int
        Rows an update.
    learning_rate : float
        First learning rate; it falls to zero linearly.
    """

    width: int = 64
    second_width: int = 32
    epochs: int = 3
    batch_size: int = 64
    learning_rate: float = 1e-3


class SparseNetwork:
    """Regression on which features are present, whatever their weight.

    Parameters
    ----------
    config : SparseNetworkConfig, optional
        Size and training.

    Examples
    --------
    >>> X = sparse.csr_matrix(np.eye(40, dtype=np.float32)[np.arange(400) % 40])
    >>> y = (np.arange(400) % 2).astype(float)
    >>> config = SparseNetworkConfig(width=8, epochs=30, learning_rate=0.01)
    >>> network = SparseNetwork(config).fit(X, y, seed=0)
    >>> bool(np.abs(network.predict(X) - y).mean() < 0.1)
    True
    """

    def __init__(self, config: SparseNetworkConfig | None = None) -> None:
        self.config = config or SparseNetworkConfig()
        self.tensors_: dict[str, np.ndarray] = {}

    def fit(self, matrix: sparse.csr_matrix, target: np.ndarray, *, seed: int) -> SparseNetwork:
        """Train on ``matrix`` (n, k) and ``target`` (n,)."""
        torch = require("torch", extra="train", purpose="train the sparse network")
        config = self.config
        mean, scale = float(target.mean()), float(target.std()) or 1.0
        rows = matrix.tocsr()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            embedding = torch.nn.EmbeddingBag(rows.shape[1], config.width, mode="sum")
            torch.nn.init.normal_(embedding.weight, std=0.03)
            layers = torch.nn.Sequential(
                torch.nn.ReLU(),
                torch.nn.Linear(config.width, config.second_width),
                torch.nn.ReLU(),
                torch.nn.Linear(config.second_width, 1),
            )
        parameters = [*embedding.parameters(), *layers.parameters()]
        optimizer = torch.optim.Adam(parameters, lr=config.learning_rate)
        goal = torch.from_numpy(((target - mean) / scale).astype(np.float32))
        random = np.random.default_rng(seed)
        steps = config.epochs * math.ceil(rows.shape[0] / config.batch_size)
        done = 0
        for _ in range(config.epochs):
            order = random.permutation(rows.shape[0])
            for start in range(0, len(order), config.batch_size):
                picked = order[start : start + config.batch_size]
                batch = rows[picked]
                indices = torch.from_numpy(batch.indices.astype(np.int64))
                offsets = torch.from_numpy(batch.indptr[:-1].astype(np.int64))
                for group in optimizer.param_groups:
                    group["lr"] = config.learning_rate * (1 - done / steps)
                predicted = layers(embedding(indices, offsets))[:, 0]
                loss = torch.nn.functional.mse_loss(predicted, goal[torch.from_numpy(picked)])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                done += 1
        self.tensors_ = {
            "embedding": embedding.weight.detach().numpy().copy(),
            "hidden.weight": layers[1].weight.detach().numpy().T.copy(),
            "hidden.bias": layers[1].bias.detach().numpy().copy(),
            "out.weight": layers[3].weight.detach().numpy().T.copy(),
            "out.bias": layers[3].bias.detach().numpy().copy(),
            "standard": np.array([mean, scale]),
        }
        return self

    def predict(self, matrix: sparse.csr_matrix) -> np.ndarray:
        """Return predictions, shape (n,), of ``matrix`` (n, k)."""
        parts = [
            self._predict_block(matrix[start : start + _ROWS_A_BLOCK])
            for start in range(0, matrix.shape[0], _ROWS_A_BLOCK)
        ]
        return np.concatenate(parts) if parts else np.empty(0)

    def save(self, path: Path) -> None:
        """Write all tensors to one safetensors file."""
        save_file(self.tensors_, path)

    @classmethod
    def load(cls, path: Path) -> SparseNetwork:
        """Read what `save` wrote."""
        network = cls()
        network.tensors_ = load_file(path)
        return network

    def _predict_block(self, matrix: sparse.csr_matrix) -> np.ndarray:
        present = matrix.copy()
        present.data = np.ones_like(present.data)
        weights = self.tensors_
        hidden = np.maximum(present @ weights["embedding"], 0)
        hidden = np.maximum(hidden @ weights["hidden.weight"] + weights["hidden.bias"], 0)
        out = (hidden @ weights["out.weight"] + weights["out.bias"])[:, 0]
        mean, scale = weights["standard"]
        return out.astype(float) * scale + mean
