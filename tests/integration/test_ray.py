"""Ray on a cluster of several nodes: output and losses of one process, and nothing lost with a node."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pricelm.core.errors import ConfigError, DataError, TrainingStopped
from pricelm.language.config import TuningConfig
from pricelm.language.regressor import LanguageRegressor
from pricelm.services.predicting import PredictionRequest, predict_prices
from tests.conftest import Notes
from tests.generated_listings import listings_frame

pytestmark = pytest.mark.slow

_STORE_BYTES = 80 << 20
ROWS, CHUNK = 3_000, 100


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster of two nodes of one core each on this machine, to which this process is connected."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("OMP_NUM_THREADS", "1")
        # a node that was killed shall be missed after seconds, and one that is slow shall not
        noticing = {
            "health_check_period_ms": 1000,
            "health_check_failure_threshold": 3,
            "worker_register_timeout_seconds": 300,
        }
        import ray
        from ray.cluster_utils import Cluster

        options = {"num_cpus": 1, "object_store_memory": _STORE_BYTES, "include_dashboard": False}
        made = Cluster(initialize_head=True, head_node_args={**options, "_system_config": noticing})
        made.add_node(num_cpus=1, object_store_memory=_STORE_BYTES)
        ray.init(address=made.address, log_to_driver=False)
        try:
            yield made
        finally:
            ray.shutdown()
            made.shutdown()


@pytest.fixture(scope="module")
def listings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("listings") / "new.csv"
    listings_frame(ROWS, seed=9).drop(columns="cost").to_csv(path, index=False)
    lines = path.read_text().splitlines()
    lines[41], lines[777] = "S9-ragged,1", "S9-empty,,,,"
    path.write_text("\n".join(lines))
    return path


class Meanwhile(Notes):
    """A progress display that does something once, after some chunks."""

    def __init__(self, after: int, act: Callable[[], object]) -> None:
        super().__init__()
        self._left, self._act = after, act

    def advance(self, steps: int = 1, note: str = "") -> None:
        super().advance(steps, note)
        self._left -= 1
        if self._left == 0:
            self._act()


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def kill_when_busy(cluster: Any, node: Any) -> None:
    """Kill a node at a moment when a chunk is being priced on it."""
    from ray._private.state import available_resources_per_node

    for _ in range(100_000):
        if not available_resources_per_node().get(node.node_id, {}).get("CPU"):
            break
    else:
        pytest.fail("the node was never given anything to do")
    cluster.remove_node(node, allow_graceful=False)


def test_with_a_node_killed_in_the_middle_the_output_is_that_of_one_process(
    cluster: Any, fast_bundle: Path, listings: Path, tmp_path: Path
) -> None:
    local = PredictionRequest(fast_bundle, listings, tmp_path / "local" / "prices.csv", chunk_rows=CHUNK)
    predict_prices(local)
    doomed = cluster.add_node(num_cpus=1, object_store_memory=_STORE_BYTES)
    cluster.wait_for_nodes()
    notes = Meanwhile(3, lambda: kill_when_busy(cluster, doomed))
    on_ray = replace(local, out=tmp_path / "ray" / "prices.csv", engine="ray")
    result = predict_prices(on_ray, notes)
    assert "Ray cluster: 3 cores on 3 machines" in notes.said
    assert (result.rows, notes.steps) == (ROWS - 1, ROWS - 1)
    assert len(cluster.list_all_nodes()) == 2
    assert files_in(on_ray.out.parent) == files_in(local.out.parent)
    assert set(files_in(on_ray.out.parent)) == {"prices.csv", "rejected.csv"}


def test_what_was_begun_here_is_finished_there(
    cluster: Any, fast_bundle: Path, listings: Path, tmp_path: Path
) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    copy = tmp_path / "copy.csv"
    copy.write_text(listings.read_text())
    local = PredictionRequest(fast_bundle, copy, tmp_path / "a.parquet", chunk_rows=500)
    other = replace(local, out=tmp_path / "b.parquet")
    predict_prices(local)
    with pytest.raises(KeyboardInterrupt, match="kept in"):
        predict_prices(other, Meanwhile(2, stop))
    notes = Notes()
    predict_prices(replace(other, engine="ray"), notes)
    assert any(line.endswith("are priced already; reading on to the others") for line in notes.said)
    assert other.out.read_bytes() == local.out.read_bytes()

    # what changes meanwhile is noticed by the task that reads, and told to the one who waits
    with pytest.raises(KeyboardInterrupt):
        predict_prices(other, Meanwhile(2, stop))
    copy.write_text(copy.read_text().replace("S9-00003", "S9-changed"))
    notes = Notes()
    predict_prices(replace(other, engine="ray"), notes)
    assert any("the listings changed" in line for line in notes.said), notes.said

    (tmp_path / "wrong.csv").write_text("a,b\n1,2\n")
    wrong = replace(local, listings=tmp_path / "wrong.csv", out=tmp_path / "c.csv", engine="ray")
    with pytest.raises(DataError, match="name"):
        predict_prices(wrong)


def texts_with_prices(n: int) -> tuple[list[str], np.ndarray]:
    random = np.random.default_rng(3)
    nouns = {"cup": 1.0, "lamp": 2.0, "sofa": 4.0, "wine": 3.0}
    chosen = random.choice(list(nouns), n)
    colors = random.choice(["red", "green", "blue", "old"], n)
    return [f"{c} {noun}" for c, noun in zip(colors, chosen, strict=True)], np.array(
        [nouns[noun] for noun in chosen]
    )


def losses(run_dir: Path) -> list[float]:
    lines = (run_dir / "training_log.jsonl").read_text().splitlines()
    return [record["loss"] for record in map(json.loads, lines) if record["event"] == "step"]


def test_tuning_on_two_nodes_finds_what_one_process_finds(
    cluster: Any, tiny_backbone: Path, tmp_path: Path
) -> None:
    texts, targets = texts_with_prices(41)
    config = TuningConfig(
        backbone=str(tiny_backbone), max_length=16, epochs=2, batch_size=8, dropout=0.0, precision="fp32"
    )
    alone = LanguageRegressor(config).fit(texts, targets, run_dir=tmp_path / "alone")
    on_ray = replace(config, engine="ray", processes=2)
    notes = Notes()
    model = LanguageRegressor(on_ray).fit(texts, targets, run_dir=tmp_path / "ray", progress=notes)
    assert len(losses(tmp_path / "alone")) == 12
    assert losses(tmp_path / "ray") == pytest.approx(losses(tmp_path / "alone"), abs=2e-5)
    assert model.predict(texts) == pytest.approx(alone.predict(texts), abs=2e-4)
    assert notes.steps == 12
    assert not list((tmp_path / "ray").glob(".processes-*"))

    # an error in one of the processes is told as if there were only one
    broken = replace(on_ray, optimizer="sgd", learning_rate=1e18, warmup_share=0.0, clip_norm=None)
    with pytest.raises(ConfigError, match=r"became (nan|inf) at step \d+ with learning_rate 1e\+18"):
        LanguageRegressor(broken).fit(texts, targets, run_dir=tmp_path / "broken")


def test_a_node_lost_while_tuning_costs_the_steps_since_the_last_checkpoint(
    cluster: Any, tiny_backbone: Path, tmp_path: Path
) -> None:
    texts, targets = texts_with_prices(40)
    config = TuningConfig(
        backbone=str(tiny_backbone),
        max_length=16,
        epochs=8,
        batch_size=8,
        dropout=0.0,
        precision="fp32",
        checkpoint_every_steps=1,
    )
    alone = LanguageRegressor(replace(config, checkpoint_every_steps=None)).fit(texts, targets)
    doomed = cluster.add_node(num_cpus=1, object_store_memory=_STORE_BYTES)
    cluster.wait_for_nodes()

    def replace_node() -> None:
        cluster.remove_node(doomed, allow_graceful=False)
        cluster.add_node(num_cpus=1, object_store_memory=_STORE_BYTES)

    notes = Meanwhile(3, replace_node)
    model = LanguageRegressor(replace(config, engine="ray", processes=3)).fit(
        texts, targets, run_dir=tmp_path, progress=notes
    )
    assert any(line.startswith("resuming after step") for line in notes.said), notes.said
    assert model.predict(texts) == pytest.approx(alone.predict(texts), abs=2e-3)


def test_ctrl_c_stops_all_nodes_after_the_same_step(
    cluster: Any, tiny_backbone: Path, tmp_path: Path
) -> None:
    import os
    import signal

    texts, targets = texts_with_prices(40)
    config = TuningConfig(
        backbone=str(tiny_backbone), max_length=16, epochs=200, batch_size=8, engine="ray", processes=2
    )
    notes = Meanwhile(2, lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(TrainingStopped, match=r"after step \d+ of 1000; run the same command again"):
        LanguageRegressor(config).fit(texts, targets, run_dir=tmp_path, progress=notes)
    assert list(tmp_path.glob("checkpoint-*"))
