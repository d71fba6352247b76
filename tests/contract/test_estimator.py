"""PriceModel is a scikit-learn estimator: its own checks, and the tools that people use it with."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_regressor
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict, cross_val_score
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import estimator_checks_generator

from pricelm import PriceModel, ShopBands, TuningConfig
from pricelm.core.errors import DataError

# All checks of scikit-learn that apply to a regressor pass. One cannot run among the others:
ELSEWHERE = {
    "check_array_api_input": "wants SCIPY_ARRAY_API=1 before scipy is imported: a process of its own",
}


def checks() -> Iterator[Any]:
    for estimator, check in estimator_checks_generator(PriceModel(preset="fast")):
        name = check.func.__name__
        if name not in ELSEWHERE:
            details = "-".join(str(value) for value in check.keywords.values())
            yield pytest.param(estimator, check, id=f"{name}-{details}" if details else name)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("estimator", "check"), list(checks()))
def test_a_check_of_scikit_learn(estimator: PriceModel, check: Callable[[PriceModel], None]) -> None:
    check(estimator)


def test_the_checks_that_run_elsewhere_pass_there() -> None:
    script = f"""
import warnings
from sklearn.utils.estimator_checks import estimator_checks_generator
from pricelm import PriceModel
warnings.simplefilter("ignore")
names = []
for estimator, check in estimator_checks_generator(PriceModel(preset="fast")):
    if check.func.__name__ in {sorted(ELSEWHERE)}:
        check(estimator)
        names.append(check.func.__name__)
print(*names)
"""
    environment = {**os.environ, "SCIPY_ARRAY_API": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == set(ELSEWHERE)


# --- where tables of listings go further than arrays


@pytest.fixture(scope="module")
def listings() -> pd.DataFrame:
    random = np.random.default_rng(0)
    things = random.choice(["cup", "lamp", "sofa"], 120)
    worth = pd.Series(things).map({"cup": 5.0, "lamp": 25.0, "sofa": 300.0}).to_numpy()
    return pd.DataFrame(
        {
            "title": [f"{random.choice(['red', 'blue'])} {thing} {random.integers(100)}" for thing in things],
            "price": (worth * np.exp(random.normal(0, 0.1, 120))).round(2),
        }
    )


def test_names_of_columns_may_differ_from_training(listings: pd.DataFrame) -> None:
    """scikit-learn's own estimators refuse other columns; a shop's next export often has some."""
    model = PriceModel(preset="fast").fit(listings)
    expected = model.predict(listings)
    np.testing.assert_array_equal(model.predict(listings[["price", "title"]]), expected)
    np.testing.assert_array_equal(model.predict(listings.assign(stock=3)), expected)
    np.testing.assert_array_equal(model.predict(listings[["title"]]), expected)
    with pytest.raises(DataError):
        model.predict(listings.rename(columns={"title": "name"}))


def test_tags_tell_what_it_is() -> None:
    tags = get_tags(PriceModel())
    assert is_regressor(PriceModel())
    assert tags.target_tags.positive_only
    assert not tags.target_tags.required
    assert tags.input_tags.allow_nan
    assert tags.input_tags.string


def test_parameters_go_round(listings: pd.DataFrame) -> None:
    tuning = TuningConfig(epochs=1)
    options = {
        "preset": "fast",
        "columns": {"title": "title"},
        "backbone": "minilm",
        "tuning": tuning,
        "confidence_level": 0.8,
        "abstain_ratio": 3.0,
        "currency": "USD",
        "keep_leaks": True,
        "bands": ShopBands(("cheap", "dear"), (10.0,)),
        "image_root": "photos",
        "seed": 7,
    }
    model = PriceModel(**options)
    assert model.get_params(deep=False) == options
    assert PriceModel().set_params(**options).get_params() == model.get_params()
    with pytest.raises(ValueError, match="Invalid parameter"):
        model.set_params(presets="fast")
    fitted = model.fit(listings)
    assert fitted.get_params(deep=False) == options


def test_a_clone_is_unfitted_and_fits_the_same(listings: pd.DataFrame) -> None:
    model = PriceModel(preset="fast", seed=3).fit(listings)
    twin = clone(model)
    assert not [name for name in vars(twin) if name.endswith("_")]
    assert twin.get_params() == model.get_params()
    np.testing.assert_array_equal(twin.fit(listings).predict(listings), model.predict(listings))


def test_cross_validation_works_on_tables(listings: pd.DataFrame) -> None:
    folds = KFold(3, shuffle=True, random_state=0)
    model = PriceModel(preset="fast")
    scores = cross_val_score(model, listings[["title"]], listings["price"], cv=folds)
    assert scores.shape == (3,)
    assert (scores > 0.8).all()
    predicted = cross_val_predict(model, listings[["title"]], listings["price"], cv=folds)
    assert predicted.shape == (120,)
    error = cross_val_score(
        model, listings[["title"]], listings["price"], cv=folds, scoring="neg_mean_squared_log_error"
    )
    assert (error > -0.2).all()


def test_parameters_can_be_searched(listings: pd.DataFrame) -> None:
    search = GridSearchCV(
        PriceModel(preset="fast"), {"confidence_level": [0.5, 0.9]}, cv=2, error_score="raise"
    ).fit(listings[["title"]], listings["price"])
    assert search.best_estimator_.predict(listings[["title"]]).shape == (120,)
