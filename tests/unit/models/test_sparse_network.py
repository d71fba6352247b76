"""The sparse network: numpy says what torch says, and only presence counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import sparse

from pricelm.models.sparse_network import SparseNetwork, SparseNetworkConfig


def rows_and_target(n: int = 300, k: int = 50) -> tuple[sparse.csr_matrix, np.ndarray]:
    random = np.random.default_rng(0)
    matrix = sparse.random(n, k, density=0.1, format="csr", dtype=np.float32, random_state=random)
    return matrix, np.asarray((matrix > 0) @ random.normal(5, 2, k)).ravel()


@pytest.fixture(scope="module")
def network() -> SparseNetwork:
    matrix, target = rows_and_target()
    config = SparseNetworkConfig(width=16, second_width=8, epochs=15, learning_rate=0.01)
    return SparseNetwork(config).fit(matrix, target, seed=0)


def torch_forward(network: SparseNetwork, matrix: sparse.csr_matrix) -> np.ndarray:
    """The same network in torch, in float64, put together from its tensors."""
    weights = {name: torch.from_numpy(np.asarray(value)).double() for name, value in network.tensors_.items()}
    embedding = torch.nn.EmbeddingBag.from_pretrained(weights["embedding"], mode="sum")
    hidden = torch.nn.Linear(*weights["hidden.weight"].shape, dtype=torch.float64)
    out = torch.nn.Linear(*weights["out.weight"].shape, dtype=torch.float64)
    with torch.no_grad():
        hidden.weight.copy_(weights["hidden.weight"].T)
        hidden.bias.copy_(weights["hidden.bias"])
        out.weight.copy_(weights["out.weight"].T)
        out.bias.copy_(weights["out.bias"])
        bags = embedding(
            torch.from_numpy(matrix.indices.astype(np.int64)),
            torch.from_numpy(matrix.indptr[:-1].astype(np.int64)),
        )
        scaled = out(torch.relu(hidden(torch.relu(bags))))[:, 0]
    mean, scale = network.tensors_["standard"]
    return scaled.numpy() * scale + mean


def test_numpy_predicts_what_torch_predicts(network: SparseNetwork) -> None:
    matrix, _ = rows_and_target(200, 50)
    assert (matrix.getnnz(axis=1) == 0).any()  # a row without any feature is among them
    np.testing.assert_allclose(network.predict(matrix), torch_forward(network, matrix), rtol=0, atol=1e-4)


def test_it_learns(network: SparseNetwork) -> None:
    matrix, target = rows_and_target()
    assert np.corrcoef(network.predict(matrix), target)[0, 1] > 0.95


def test_only_the_presence_of_a_feature_counts(network: SparseNetwork) -> None:
    matrix, _ = rows_and_target()
    weighted = matrix.copy()
    weighted.data *= 7
    before = weighted.data.copy()
    np.testing.assert_array_equal(network.predict(weighted), network.predict(matrix))
    np.testing.assert_array_equal(weighted.data, before)


def test_blocks_do_not_change_predictions(network: SparseNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    matrix, _ = rows_and_target()
    whole = network.predict(matrix)
    monkeypatch.setattr("pricelm.models.sparse_network._ROWS_A_BLOCK", 7)
    np.testing.assert_allclose(network.predict(matrix), whole, rtol=1e-6)
    assert network.predict(matrix[:0]).shape == (0,)


def test_the_seed_decides_and_torch_stays_as_it_was() -> None:
    matrix, target = rows_and_target()
    predictions = []
    for ambient, seed in ((11, 0), (22, 0), (11, 1)):
        with torch.random.fork_rng():
            torch.manual_seed(ambient)  # what other code left behind must not matter
            state = torch.random.get_rng_state()
            predictions.append(SparseNetwork().fit(matrix, target, seed=seed).predict(matrix))
            assert torch.equal(torch.random.get_rng_state(), state)
    first, again, other = predictions
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_equal_targets_are_predicted_about_equal() -> None:
    matrix, target = rows_and_target()
    predicted = SparseNetwork().fit(matrix, np.full_like(target, 3.0), seed=0).predict(matrix)
    np.testing.assert_allclose(predicted, 3.0, atol=0.2)


def test_it_comes_back_from_its_file_as_it_was(network: SparseNetwork, tmp_path: Path) -> None:
    matrix, _ = rows_and_target()
    network.save(tmp_path / "network.safetensors")
    loaded = SparseNetwork.load(tmp_path / "network.safetensors")
    np.testing.assert_array_equal(loaded.predict(matrix), network.predict(matrix))
