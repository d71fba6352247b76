"""The command line as a process: the whole round, Ctrl-C and a full disk."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from tests.generated_listings import ROLE_OPTIONS, listings_frame

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "pricelm"]
TRAINING_SECONDS = 600


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1", "COLUMNS": "100"}


def run(
    folder: Path, *arguments: str | Path, before: Callable[[], object] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=TRAINING_SECONDS,
        preexec_fn=before,
    )


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with listings to learn from, listings to measure on, and new ones."""
    folder = tmp_path_factory.mktemp("shop")
    listings_frame(160).to_csv(folder / "listings.csv", index=False)
    listings_frame(40, seed=1).to_csv(folder / "held_out.csv", index=False)
    listings_frame(30, seed=2).drop(columns="cost").to_csv(folder / "new.csv", index=False)
    return folder


@pytest.mark.slow
def test_train_evaluate_predict_quote(shop: Path) -> None:
    trained = run(
        shop, "train", "listings.csv", "--out", "model", "--preset", "fast", *ROLE_OPTIONS, "--json"
    )
    assert trained.returncode == 0, trained.stderr
    report = json.loads(trained.stdout)
    assert report["rows_kept"] == 160
    assert (shop / "model" / "report.html").exists()

    evaluated = run(shop, "evaluate", "model", "held_out.csv", "--json")
    assert evaluated.returncode == 0, evaluated.stderr
    metrics = json.loads(evaluated.stdout)["evaluation"]["metrics"]
    assert metrics["blend"]["rmsle"][0] < 0.5 * metrics["median guess"]["rmsle"][0]

    predicted = run(shop, "predict", "model", "new.csv", "--out", "prices.csv")
    assert predicted.returncode == 0, predicted.stderr
    prices = pd.read_csv(shop / "prices.csv").set_index("sku")
    assert len(prices) == 30 and not (shop / "rejected.csv").exists()

    first = pd.read_csv(shop / "new.csv").iloc[0]
    facts = [f"{name}={first[name]}" for name in ("name", "maker", "group", "weight_kg")]
    quoted = run(shop, "quote", "model", "--json", *(part for fact in facts for part in ("--set", fact)))
    assert quoted.returncode == 0, quoted.stderr
    quote = json.loads(quoted.stdout)
    assert quote["estimate"]["predicted_price"] == pytest.approx(
        prices.loc[first["sku"], "predicted_price"], abs=1e-3
    )
    assert len(quote["comparables"]) == 3 and quote["word_effects"]


@pytest.mark.slow
def test_ctrl_c_during_tuning_leaves_a_state_that_the_same_command_finishes(
    shop: Path, tiny_backbone: Path, tmp_path: Path
) -> None:
    tuning = {
        "backbone": str(tiny_backbone),
        "max_length": 16,
        "epochs": 12,
        "batch_size": 4,
        "precision": "fp32",
    }
    (tmp_path / "tuning.json").write_text(json.dumps(tuning))
    arguments = ["train", shop / "listings.csv", "--out", "model", "--config", "tuning.json", *ROLE_OPTIONS]
    log = tmp_path / "model-run" / "language" / "fold-0" / "training_log.jsonl"
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a shell that runs the tests in the background may have told its children to ignore Ctrl-C
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    try:
        end = time.monotonic() + TRAINING_SECONDS
        while process.poll() is None and time.monotonic() < end:
            if log.exists() and log.read_text().count('"event": "step"') > 5:
                process.send_signal(signal.SIGINT)
                break
            time.sleep(0.01)
        _, said = process.communicate(timeout=TRAINING_SECONDS)
    finally:
        process.kill()
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert f"To go on from there, run: pricelm train {shop / 'listings.csv'} --out model" in said
    assert not (tmp_path / "model").exists()
    assert list(log.parent.glob("checkpoint-*"))
    steps = log.read_text().count('"event": "step"')

    again = run(tmp_path, *arguments)
    assert again.returncode == 0, again.stderr
    assert f"resuming after step {steps} of" in again.stderr
    assert (tmp_path / "model" / "model.json").exists()
    assert not list((tmp_path / "model-run").rglob("checkpoint-*"))


def test_on_a_full_disk_nothing_is_left(fast_bundle: Path, tmp_path: Path) -> None:
    listings_frame(2000, seed=3).to_csv(tmp_path / "new.csv", index=False)
    # the system refuses to let any file grow beyond this, as it does when the disk is full
    limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (20_000, 20_000))
    full = run(tmp_path, "predict", fast_bundle, "new.csv", "--out", "out/prices.csv", before=limit)
    assert full.returncode == 6, full.stderr
    errors = [line for line in full.stderr.splitlines() if line.startswith("Error")]
    assert len(errors) == 1 and "could not be written" in errors[0] and "Free some space" in errors[0]
    assert "Traceback" not in full.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_a_reader_that_has_seen_enough_is_no_failure(fast_bundle: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "quote", str(fast_bundle), "--title", "sofa", "--json"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    said = process.stderr.read()
    assert process.wait(timeout=TRAINING_SECONDS) == 0, said
    assert "BrokenPipe" not in said and "Traceback" not in said
