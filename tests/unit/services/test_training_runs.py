"""Trainings in a process of their own: one at a time, told what happens, stopped, bounded, never lost."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pandas as pd
import pytest

from pricelm.core.errors import ConfigError
from pricelm.services.bootstrap import open_registry
from pricelm.services.market_memory import LoadRequest, load_market
from pricelm.services.review_queue import label_item, queue_for_review
from pricelm.services.store_listings import count_store_listings, write_store_listings
from pricelm.services.training_folder import RESULT, STATE, TrainingOrder, write_document
from pricelm.services.training_runs import TrainingRun, TrainingRuns
from tests.generated_listings import ROLE_NAMES, listings_frame


def finished(runs: TrainingRuns, name: str) -> TrainingRun:
    deadline = time.monotonic() + 120
    while (run := runs.show(name)).state == "running":
        assert time.monotonic() < deadline, run
        time.sleep(0.05)
    return run


@pytest.fixture
def runs(tmp_path: Path) -> TrainingRuns:
    return TrainingRuns(tmp_path / "models", f"sqlite:///{tmp_path / 'store.db'}")


@pytest.fixture
def upload(tmp_path: Path) -> Path:
    listings_frame(100).to_csv(tmp_path / "mine.csv", index=False)
    return tmp_path / "mine.csv"


def order(**given: object) -> TrainingOrder:
    facts = {"actor": "ana", "source": "upload", "listings": "", "preset": "fast", "roles": dict(ROLE_NAMES)}
    return TrainingOrder(**{**facts, **given})  # type: ignore[arg-type]


def test_a_training_ends_as_a_registered_version_and_only_one_runs(
    runs: TrainingRuns, upload: Path, tmp_path: Path
) -> None:
    store = f"sqlite:///{tmp_path / 'store.db'}"
    queue_for_review(store, "abstained", [("z", {"title": "zircon samovar"}, "")], "shop")
    label_item(store, 1, 5_000.0, "ann")
    name = runs.start(order(), upload)
    with pytest.raises(ConfigError, match="one is running"):
        runs.start(order(), upload)
    # somebody else looks: another service on the same folder, or this one after it was started again
    others = TrainingRuns(runs.models, store)
    assert [(one.name, one.state) for one in others.all()] == [(name, "running")]
    run = finished(others, name)
    assert (run.state, run.reason) == ("finished", ""), run
    assert run.result is not None and run.result["labels"]["added"] == 1
    [version] = open_registry(store).versions()
    assert (version.version, version.state) == (run.result["version"], "registered")
    assert version.bundle == runs.models / name / "model"
    [change] = open_registry(store).changes()
    assert (change.actor, change.action) == ("ana", "register")
    assert any("prices from the review queue" in line for line in run.said)
    with pytest.raises(ConfigError, match="did not finish"):
        runs.go_on(name, "ana")


def test_a_training_that_is_stopped_or_killed_says_so_and_goes_on(
    runs: TrainingRuns, upload: Path, tmp_path: Path
) -> None:
    name = runs.start(order(), upload)
    runs.cancel(name, "ana")
    assert finished(runs, name).state == "cancelled"
    runs.go_on(name, "ana")
    kill_training(runs.models / name)
    run = finished(runs, name)
    assert run.state == "failed" and "process was ended from outside" in run.reason
    runs.go_on(name, "ana")
    assert finished(runs, name).state == "finished"


def kill_training(folder: Path) -> None:
    mine = [
        int(one.name)
        for one in Path("/proc").iterdir()
        if one.name.isdigit() and str(folder).encode() in _command(one)
    ]
    assert len(mine) == 1
    os.kill(mine[0], signal.SIGKILL)


def _command(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"megabytes": 20}, "20 are allowed"),
        ({"seconds": 0.0}, "longer than 0 hours"),
    ],
)
def test_limits_and_failures_are_told(
    runs: TrainingRuns, upload: Path, given: dict[str, object], why: str
) -> None:
    run = finished(runs, runs.start(order(**given), upload))
    assert run.state == "failed" and why in run.reason, run
    assert open_registry(f"sqlite:///{runs.models.parent / 'store.db'}").versions() == []


def test_hostile_names_and_files_are_refused(runs: TrainingRuns, tmp_path: Path) -> None:
    for name in ("../models", "training-1", "training-0001/..", "", "training-0001"):
        with pytest.raises(ConfigError, match="name of a training"):
            runs.show(name)
        with pytest.raises(ConfigError, match="name of a training"):
            runs.cancel(name, "ana")
    script = tmp_path / "script.py"
    script.write_text("raise SystemExit(3)")
    with pytest.raises(ConfigError, match="ends in"):
        runs.start(order(), script)
    with pytest.raises(ConfigError, match="preset"):
        order(preset="--out=/etc")
    with pytest.raises(ConfigError, match="listings with a price"):
        runs.start(order(source="store"))
    assert runs.all() == []


def test_a_broken_folder_is_no_harm(runs: TrainingRuns) -> None:
    folder = runs.models / "training-0007"
    folder.mkdir(parents=True)
    (folder / "order.json").write_text("{")
    assert runs.all() == []
    order(listings="listings.csv", begun=5.0).write(folder)
    write_document(folder / STATE, {"stage": "tuning", "done": 5, "total": 10, "at": 9.0, "begun": 5.0})
    (folder / "model-run" / "language" / "1").mkdir(parents=True)
    steps = [json.dumps({"step": n, "loss": 1 / (n + 1)}) for n in range(500)]
    log = folder / "model-run" / "language" / "1" / "training_log.jsonl"
    log.write_text("\n".join([*steps, '{"step": 5']))
    assert len(runs.losses("training-0007")) <= 200
    [run] = runs.all()
    assert (run.state, run.seconds) == ("failed", 4.0)
    write_document(folder / RESULT, {"state": "failed", "reason": "x", "ended": 7.0})
    assert runs.show("training-0007").reason == "x"


def test_listings_of_a_store_become_a_file(store_url: str, tmp_path: Path) -> None:
    rows = [
        {"sku": f"p{n}", "title": f"cup {n}", "price": n and 2.5 * n, "color": "red" if n == 2 else None}
        for n in range(4)
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "in.csv", index=False)
    load_market(store_url, LoadRequest("listings", tmp_path / "in.csv", folder=tmp_path))
    count = count_store_listings(store_url)
    assert write_store_listings(store_url, tmp_path / "out.csv") == count
    found = pd.read_csv(tmp_path / "out.csv").set_index("listing_id")
    assert found.loc["p2", ["title", "price", "color"]].tolist() == ["cup 2", 5.0, "red"]
    assert "brand" not in found.columns
