import numpy as np
import pandas as pd
import pytest

from benchmarks.aggregate import accuracy_rows
from benchmarks.cases import make_cases
from benchmarks.intervals import slice_levels
from benchmarks.store import Piece
from pricelm.evaluation.bootstrap import Resampling

FEW = Resampling(n=200)


def piece(predictor, fold=0, rows=None, *, set_name="mercari", status="done", reason=""):
    facts = {"set": set_name, "fold": fold, "predictor": predictor, "status": status, "reason": reason}
    facts |= {
        "train_seconds": 10.0 + fold,
        "predict_seconds": 1.0,
        "n_test": 0 if rows is None else len(rows),
    }
    return Piece(facts, rows)


@pytest.fixture
def tables(frame_of_prices):
    """Rows of a good, a bad and a second good predictor for a fold of any size."""

    def make(n=1500, seed=0, category="", wide=0.33):
        random = np.random.default_rng(seed)
        actual = np.exp(random.normal(3, 1, n))
        good = actual * np.exp(random.normal(0, 0.2, n))
        bad = actual * np.exp(random.normal(0, 0.6, n))
        ends = {"lower": good * np.exp(-wide), "upper": good * np.exp(wide)}
        more = {"without_language": actual * np.exp(random.normal(0, 0.3, n)), "member:lexical": bad}
        labels = {"slice": [category] * n}
        return {
            "pricelm": frame_of_prices(actual, good, **ends, **more).assign(**labels),
            "bad": frame_of_prices(actual, bad, lower=bad * 0.3, upper=bad * 3).assign(**labels),
            "good": frame_of_prices(actual, good * 1.001).assign(**labels),
        }

    return make


def rows_of(pieces, set_name="mercari", kind="category", preset="fast"):
    rows = accuracy_rows(make_cases(set_name, pieces), kinds={set_name: kind}, preset=preset, resampling=FEW)
    return {(row.case, row.metric): row for row in rows}


def test_metrics_are_over_the_rows_of_all_folds_together_and_as_a_mean(tables):
    parts = [tables(200, seed) for seed in (1, 2)]
    parts[1]["pricelm"]["predicted"] *= 2
    rows = rows_of([piece("pricelm", fold, part["pricelm"]) for fold, part in enumerate(parts)])
    both = pd.concat([part["pricelm"] for part in parts])
    squares = (np.log1p(both["actual"]) - np.log1p(both["predicted"])) ** 2
    each = [float(np.sqrt(squares.iloc[:200].mean())), float(np.sqrt(squares.iloc[200:].mean()))]
    assert rows["mercari", "rmsle"].ours == pytest.approx(np.sqrt(squares.mean()))
    assert rows["mercari", "rmsle_mean_of_folds"].ours == pytest.approx(np.mean(each))
    assert rows["mercari", "test_rows"].ours == 400
    low, high = rows["mercari", "rmsle"].interval
    assert low < rows["mercari", "rmsle"].ours < high


def test_a_peer_of_some_folds_is_compared_on_those_only(tables):
    parts = [tables(200, seed) for seed in (1, 2)]
    pieces = [piece("pricelm", fold, part["pricelm"]) for fold, part in enumerate(parts)]
    pieces += [piece("bad", fold, part["bad"]) for fold, part in enumerate(parts)]
    pieces += [piece("trainer", 0, parts[0]["good"]), piece("trainer", 1, status="skipped", reason="slow")]
    rows = rows_of(pieces)
    assert rows["mercari", "rmsle"].peers["trainer"] == "on fold 0 only"
    part = rows["mercari fold 0", "rmsle"]
    assert isinstance(part.peers["trainer"], float) and isinstance(part.peers["bad"], float)
    assert ("mercari fold 0", "rmsle_gain_over_trainer") in rows
    assert ("mercari fold 0", "rmsle_gain_over_bad") not in rows, "it is compared over all folds already"
    assert rows["mercari fold 0", "test_rows"].ours == 200


def test_a_gain_is_positive_when_ours_is_better_and_only_worse_fails(tables):
    part = tables()
    ours, bad, good = part["pricelm"], part["bad"], part["good"]
    rows = rows_of([piece("pricelm", 0, ours), piece("bad", 0, bad), piece("good", 0, good)])
    gain = rows["mercari", "rmsle_gain_over_bad"]
    assert gain.ours > 0.3 and gain.interval[0] > 0 and gain.ok
    assert rows["mercari", "rmsle_gain_over_good"].ours == pytest.approx(0, abs=0.01)
    worse = rows_of([piece("pricelm", 0, bad), piece("good", 0, good)])
    loss = worse["mercari", "rmsle_gain_over_good"]
    assert loss.ours < -0.3 and loss.interval[1] < 0 and loss.ok is False


def test_the_language_member_must_earn_its_place_where_the_bar_is(tables):
    part = tables()["pricelm"]
    earned = rows_of([piece("pricelm", 0, part)])["mercari", "rmsle_gain_from_language"]
    assert earned.ok and earned.ours == pytest.approx(0.1, abs=0.03)
    idle = part.assign(without_language=part["predicted"])
    assert rows_of([piece("pricelm", 0, idle)])["mercari", "rmsle_gain_from_language"].ok is False
    refused = part.drop(columns="without_language")
    assert rows_of([piece("pricelm", 0, refused)])["mercari", "rmsle_gain_from_language"].ok is False
    elsewhere = rows_of([piece("pricelm", 0, idle, set_name="grocery")], "grocery")
    assert elsewhere["grocery", "rmsle_gain_from_language"].ok is None


def test_the_accuracy_bars_hold_for_the_best_preset_over_all_five_folds(tables):
    parts = [piece("pricelm", fold, tables(100, fold)["pricelm"]) for fold in range(5)]
    row = rows_of(parts, preset="best")["mercari", "r2_log"]
    assert row.bar == ">= 0.5" and row.ok and row.published["TF-IDF + ridge"] == 0.454
    assert rows_of(parts, preset="fast")["mercari", "r2_log"].bar is None
    four = rows_of(parts[:4], preset="best")["mercari", "r2_log"]
    assert four.bar is None and not four.published


def test_coverage_has_a_bar_from_a_thousand_rows_on(tables):
    def coverage(n, wide):
        return rows_of([piece("pricelm", 0, tables(n, wide=wide)["pricelm"])])["mercari", "coverage_90"]

    assert coverage(1500, 0.33).ok is True
    assert coverage(1500, 0.5).ok is False
    assert coverage(900, 0.5).ok is None


def test_our_intervals_must_be_narrower_than_the_reference(tables):
    part = tables()
    reference = part["bad"]
    rows = rows_of([piece("pricelm", 0, part["pricelm"]), piece("ridge", 0, reference)])
    width = rows["mercari", "interval_width_log"]
    assert width.ok and width.ours < width.peers["ridge + split conformal"]
    assert rows["mercari", "interval_width_price"].ok is None
    swapped = rows_of(
        [piece("pricelm", 0, part["bad"]), piece("ridge", 0, reference.assign(upper=reference["lower"]))]
    )
    assert swapped["mercari", "interval_width_log"].ok is False


def test_a_category_that_is_not_covered_fails_at_every_level_that_shows_it(tables):
    covered, not_covered = tables(1000, 1, "Home/Mugs"), tables(300, 2, "Home/Pans", wide=0.15)
    table = pd.concat([covered["pricelm"], not_covered["pricelm"]], ignore_index=True).assign(row=range(1300))
    rows = rows_of([piece("pricelm", 0, table)])
    assert rows["mercari category Home/Mugs (1000 rows)", "coverage_90"].ok is True
    assert rows["mercari category Home/Pans (300 rows)", "coverage_90"].ok is False
    assert ("mercari category Home (1300 rows)", "coverage_90") in rows
    brands = rows_of([piece("pricelm", 0, table)], kind="brand")
    assert brands["mercari brand Home/Pans (300 rows)", "coverage_90"].ok is None


def test_rows_without_a_category_are_in_no_slice():
    assert slice_levels(pd.Series(["", "a/b/c", "a"])).values.tolist() == [
        [1, "a"],
        [1, "a/b"],
        [1, "a/b/c"],
        [2, "a"],
    ]


def test_a_failed_peer_is_named_with_its_reason_and_a_failed_ours_fails_the_table(tables):
    part = tables(200)
    ours = piece("pricelm", 0, part["pricelm"])
    peers = [piece("bad", 0, part["bad"]), piece("autogluon", 0, status="skipped", reason="not installed")]
    broken = piece("trainer", 0, status="failed", reason="RuntimeError: out of memory\nmore")
    row = rows_of([ours, *peers, broken])["mercari", "rmsle"]
    assert row.peers["trainer"] == "failed: RuntimeError: out of memory"
    assert row.peers["autogluon"] == "not installed"
    without = rows_of([piece("pricelm", 0, status="failed", reason="KeyError: 'x'"), *peers])
    assert without["mercari", "ran (failed: KeyError: 'x')"].ok is False
    assert without["mercari", "rmsle"].ours is None


def test_costs_are_a_mean_over_folds_and_a_rate(tables):
    pieces = [piece("pricelm", fold, tables(200, fold)["pricelm"]) for fold in (0, 1)]
    rows = rows_of(pieces)
    assert rows["mercari", "seconds_to_train"].ours == pytest.approx(10.5)
    assert rows["mercari", "seconds_per_1000_predictions"].ours == pytest.approx(2 / 400 * 1000)


def test_members_are_shown_beside_the_blend(tables):
    part = tables(300)["pricelm"].assign(**{"member:tabular": np.nan})
    row = rows_of([piece("pricelm", 0, part)])["mercari", "rmsle_beside_members"]
    assert list(row.peers) == ["lexical"] and row.peers["lexical"] > row.ours


def test_predictors_tested_on_other_rows_are_refused(tables):
    part = tables(200)
    other = part["bad"].assign(row=part["bad"]["row"] + 1)
    with pytest.raises(ValueError, match="other rows than its peers"):
        make_cases("mercari", [piece("pricelm", 0, part["pricelm"]), piece("bad", 0, other)])
