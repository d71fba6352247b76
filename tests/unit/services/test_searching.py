"""A search over a file of listings, from the command to the files, and back into training."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pricelm.catalog.columns import infer_columns
from pricelm.catalog.duplicates import duplicate_groups
from pricelm.cli.main import app
from pricelm.core.errors import ConfigError, DataError
from pricelm.language.config import TuningConfig
from pricelm.learning.search import SearchOptions
from pricelm.models.preparation import prepare_training
from pricelm.models.text import FeatureColumns
from pricelm.services.searching import Searched, SearchRequest, divide, search_settings
from pricelm.services.training import TrainingOptions, read_tuning
from tests.generated_listings import ROLE_NAMES, ROLE_OPTIONS, listings_frame

Tiny = Callable[..., SearchRequest]


@pytest.fixture(scope="module")
def listings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of made-up listings."""
    path = tmp_path_factory.mktemp("listings") / "shop.csv"
    listings_frame(160).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def settings(tiny_backbone: Path) -> dict[str, Any]:
    """Settings that tune the tiny backbone in a moment."""
    return {"backbone": str(tiny_backbone), "epochs": 1, "max_length": 16, "learning_rate": 1e-3}


@pytest.fixture(scope="module")
def found(listings: Path, settings: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Searched:
    """A small search."""
    out = tmp_path_factory.mktemp("search") / "found"
    training = TrainingOptions(tuning=settings)
    request = SearchRequest(
        listings, out, roles=dict(ROLE_NAMES), training=training, search=SearchOptions(trials=9)
    )
    return search_settings(request)


def test_training_reads_the_best_settings(found: Searched) -> None:
    settings = read_tuning(found.files["best settings"])
    assert found.result.best is not None
    best = TuningConfig.from_dict(found.result.best.config)
    assert TuningConfig.from_dict(settings) == best
    assert TrainingOptions(tuning=settings).plan(1000).tuning == best


def test_the_table_has_every_trial(found: Searched) -> None:
    with found.files["trials"].open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [int(row["trial"]) for row in rows] == list(range(9))
    values = [float(row["validation_rmse"]) for row in rows if row["state"] == "complete"]
    assert found.result.best is not None and min(values) == found.result.best.value
    document = json.loads(found.files["everything"].read_text(encoding="utf-8"))
    assert document["best"] == found.result.best.number
    assert document["verdict"]["sentence"] == found.result.verdict.sentence()  # type: ignore[union-attr]


def test_the_page_shows_charts_and_verdict_and_loads_nothing(found: Searched) -> None:
    page = found.files["page"].read_text(encoding="utf-8")
    assert found.result.verdict is not None
    words = re.sub(r"&#x27;", "'", page)
    assert found.result.verdict.sentence() in words
    assert page.count("<svg") == 1 + bool(found.result.importances)
    assert "<script" not in page and "http:" not in page and "src=" not in page.replace("default-src", "")


def test_near_duplicates_share_a_part(settings: dict[str, Any]) -> None:
    frame = listings_frame(200)
    frame["name"] = [f"{name} {'x' * 9}" for name in frame["name"].to_numpy()[list(range(100)) * 2]]
    columns = infer_columns(frame, overrides=dict(ROLE_NAMES), require_price=True)
    checked = prepare_training(frame, columns=columns)
    data = divide(checked.listings, FeatureColumns.from_map(checked.columns), TuningConfig(**settings))
    texts = [data.training.texts, data.validation.texts, data.test.texts]
    groups = duplicate_groups([text for part in texts for text in part])
    owner: dict[int, int] = {}
    position = 0
    for number, part in enumerate(texts):
        for _ in part:
            assert owner.setdefault(int(groups[position]), number) == number
            position += 1
    assert position == 200 and all(texts)


def test_few_listings_are_refused(settings: dict[str, Any], tmp_path: Path) -> None:
    listings_frame(60).to_csv(tmp_path / "few.csv", index=False)
    request = SearchRequest(
        tmp_path / "few.csv",
        tmp_path / "out",
        roles=dict(ROLE_NAMES),
        training=TrainingOptions(tuning=settings),
        search=SearchOptions(trials=2),
    )
    with pytest.raises(DataError, match="at least 100 listings to search with, got 60"):
        search_settings(request)


def test_a_folder_of_something_else_is_left_alone(listings: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="a new folder or that of an earlier search"):
        search_settings(SearchRequest(listings, tmp_path, search=SearchOptions(trials=2)))


def run(*words: str | Path) -> Any:
    return CliRunner().invoke(app, ["tune", *map(str, words)])


def test_the_command_shows_trials_verdict_and_what_is_next(
    listings: Path, settings: dict[str, Any], tmp_path: Path
) -> None:
    config = tmp_path / "start.json"
    config.write_text(json.dumps(settings))
    words = (listings, "--out", tmp_path / "out", "--config", config, "--trials", "3", "--budget", "10m")
    done = run(*words, *ROLE_OPTIONS)
    assert done.exit_code == 0, done.output
    for said in (r"trial 0: \d\.\d{4}; best so far", r"left", r"(beats|did not beat) the preset"):
        assert re.search(said, " ".join(done.output.split())), said
    assert "best.json" in "".join(done.stdout.split())
    assert ("--config" in done.stdout) == ("did not beat" not in " ".join(done.output.split()))
    again = run(*words, *ROLE_OPTIONS, "--json")
    document = json.loads(again.stdout)
    assert document["counts"] == {"complete": 3}
    assert "going on after 3 trials" in again.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "expected --budget TIME, --trials NUMBER, or both"),
        (("--budget", "soon"), "expected a duration such as 45s, 30m or 2h, got 'soon'"),
        (("--trials", "2", "--methods", "lorra"), "did you mean 'lora'"),
    ],
)
def test_wrong_options_are_said_before_anything_slow(
    listings: Path, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    done = run(listings, "--out", tmp_path / "out", *words)
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.split())
