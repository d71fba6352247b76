"""Bundles of every schema version that was ever released still load and still say the same.

``bundles/v1`` was written by pricelm 0.1.0 and is never written again: a change that breaks
it breaks the bundles of users. A new schema version gets a folder of its own, made by
``python -m tests.contract.bundles.write``, and a migration.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pricelm import PriceModel, load_model
from pricelm.models.bundle import SCHEMA_VERSION

BUNDLES = Path(__file__).parent / "bundles"
VERSIONS = range(1, SCHEMA_VERSION + 1)


@pytest.fixture(params=VERSIONS, ids=lambda version: f"v{version}")
def stored(request: pytest.FixtureRequest) -> tuple[PriceModel, pd.DataFrame, dict[str, Any]]:
    """A committed bundle, the listings that it was asked about, and what it said then."""
    version = request.param
    said = json.loads((BUNDLES / f"v{version}.json").read_text("utf-8"))
    return load_model(BUNDLES / f"v{version}"), pd.DataFrame(said["listings"]), said


def test_every_schema_version_has_a_bundle() -> None:
    for version in VERSIONS:
        document = json.loads((BUNDLES / f"v{version}" / "model.json").read_text("utf-8"))
        assert document["schema_version"] == version


def test_it_predicts_what_it_predicted(stored: tuple[PriceModel, pd.DataFrame, dict[str, Any]]) -> None:
    model, listings, said = stored
    np.testing.assert_allclose(model.predict(listings), said["predicted"], rtol=1e-6)
    np.testing.assert_allclose(model.predict_interval(listings), said["intervals"], rtol=1e-6)
    np.testing.assert_allclose(model.predict_interval(listings, 0.5), said["intervals_at_half"], rtol=1e-6)
    for name, prices in model.member_predictions(listings).items():
        np.testing.assert_allclose(prices, said["members"][name], rtol=1e-6)
        np.testing.assert_allclose(model.predict_without(listings, name), said["without"][name], rtol=1e-6)


def test_it_knows_the_same_comparables(stored: tuple[PriceModel, pd.DataFrame, dict[str, Any]]) -> None:
    model, listings, said = stored
    for quote, expected in zip(model.quote(listings, comparables=2), said["comparables"], strict=True):
        assert [item.title for item in quote.comparables] == [title for title, _ in expected]
        assert [item.similarity for item in quote.comparables] == pytest.approx(
            [similarity for _, similarity in expected], abs=1e-3
        )


def test_it_can_be_saved_in_the_form_of_today(
    stored: tuple[PriceModel, pd.DataFrame, dict[str, Any]], tmp_path: Path
) -> None:
    model, listings, said = stored
    again = load_model(model.save(tmp_path / "today"))
    np.testing.assert_allclose(again.predict(listings), said["predicted"], rtol=1e-6)
    assert (
        json.loads((tmp_path / "today" / "model.json").read_text("utf-8"))["schema_version"] == SCHEMA_VERSION
    )


def test_the_committed_bundles_are_small() -> None:
    for version in VERSIONS:
        size = sum(file.stat().st_size for file in (BUNDLES / f"v{version}").rglob("*") if file.is_file())
        assert size < 500_000
