import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.autogluon_peer import AutoGluonPeer
from benchmarks.contest import Task, price_from_log
from benchmarks.ours import PriceModelContestant
from benchmarks.peers import BoostingPeer, MedianGuess, RidgePeer, conformal_radius
from benchmarks.text_features import TextFeatures
from benchmarks.trainer_peer import PlainTrainerPeer
from pricelm.evaluation.metrics import rmsle


@pytest.fixture
def task(tiny_set, tmp_path):
    return Task(tiny_set, tiny_set.folds[0], tmp_path)


def error(task, outcome):
    return rmsle(task.data.price[task.fold.test], outcome.predicted)


def test_the_median_guess_is_the_median_of_the_training_rows(task):
    outcome = MedianGuess().run(task)
    assert set(outcome.predicted) == {np.median(task.data.price[task.fold.train])}


def test_ridge_and_boosting_learn_from_the_words(task):
    guess = error(task, MedianGuess().run(task))
    assert error(task, RidgePeer().run(task)) < 0.6 * guess
    assert error(task, BoostingPeer(components=16).run(task)) < 0.8 * guess


@pytest.mark.parametrize("make", [RidgePeer, lambda: BoostingPeer(components=8)])
def test_a_peer_never_reads_the_price_of_a_test_row(task, make):
    honest = make().run(task).predicted
    listings = task.data.listings.copy()
    listings.loc[task.fold.test, "price"] = 1e6
    blind = make().run(replace(task, data=replace(task.data, listings=listings))).predicted
    assert np.array_equal(honest, blind)


def test_a_set_of_titles_only_needs_no_attributes(task):
    roles = replace(task.data.roles, texts=("title",), attributes=())
    titles = replace(task, data=replace(task.data, roles=roles))
    assert np.isfinite(RidgePeer().run(titles).predicted).all()
    assert np.isfinite(BoostingPeer(components=8).run(titles).predicted).all()


def test_words_of_unlearned_rows_are_unknown(task):
    listings = task.data.listings.copy()
    listings.loc[0, ["title", "description", "brand"]] = "zzyzx"
    data = replace(task.data, listings=listings)
    features = TextFeatures(data, np.arange(1, 100))
    known = features.learned.shape[1]
    assert TextFeatures(data, np.arange(0, 100)).learned.shape[1] > known
    assert features.of(np.array([0])).shape == (1, known)


def test_chinese_is_read_by_characters(task):
    listings = task.data.listings.assign(title="深润滋养香浴乳", brand="", category="", description="")
    data = replace(task.data, listings=listings, language="zh")
    assert TextFeatures(data, np.arange(50)).learned.shape[1] > 10


def test_the_conformal_radius_covers_what_it_promises():
    random = np.random.default_rng(0)
    covered = []
    for _ in range(300):
        radius = conformal_radius(np.abs(random.normal(size=99)), 0.9)
        covered.append(np.mean(np.abs(random.normal(size=200)) <= radius))
    assert 0.89 < np.mean(covered) < 0.91
    assert conformal_radius(np.ones(5), 0.9) == np.inf


def test_the_ridge_interval_holds_most_prices_and_its_center(task):
    outcome = RidgePeer().run(task)
    actual = task.data.price[task.fold.test]
    inside = (outcome.more["lower"] <= actual) & (actual <= outcome.more["upper"])
    assert 0.8 < inside.mean() < 1
    assert (outcome.more["lower"] < outcome.more["upper"]).all()


def test_prices_from_logs_are_never_negative():
    assert price_from_log(np.array([-2.0, 0.0, np.log(11)])).round(9).tolist() == [0.0, 0.0, 10.0]


def test_ours_is_given_raw_rows_and_hands_back_members_and_intervals(task, stand_in_model):
    made = []

    def make(preset, backbone):
        assert backbone == "minilm"
        made.append(stand_in_model(preset))
        return made[-1]

    outcome = PriceModelContestant("best", make).run(task)
    assert made[0].preset == "best"
    assert set(outcome.more) == {"lower", "upper", "member:lexical", "member:language", "without_language"}
    assert np.allclose(outcome.more["without_language"], outcome.predicted * 1.5)
    assert outcome.info["refused"] == {"tabular": "a stand-in has no trees"}


def test_a_blend_that_has_no_language_member_has_nothing_to_leave_out(task, stand_in_model):
    class Lexical(stand_in_model):
        member_names = ("lexical", "tabular")

    assert "without_language" not in PriceModelContestant("fast", Lexical).run(task).more


def test_the_plain_trainer_takes_part_in_english_sets_and_in_the_folds_asked_for(tiny_set):
    peer = PlainTrainerPeer(folds=[0])
    several = replace(tiny_set, folds=tiny_set.folds * 5)
    assert peer.skips(tiny_set, 0) == peer.skips(several, 0) == ""
    assert "--trainer-folds" in peer.skips(several, 1)
    assert "English" in peer.skips(replace(tiny_set, language="zh"), 0)
    assert PlainTrainerPeer(folds=[]).skips(tiny_set, 0) == "", "a single split does not count as fold 0"


def test_autogluon_without_an_interpreter_is_not_installed(tiny_set):
    assert AutoGluonPeer(None).skips(tiny_set, 0) == "not installed"
    assert AutoGluonPeer(Path(sys.executable)).skips(tiny_set, 0) == ""


STAND_IN = """
__version__ = "0.stand-in"
class TabularPredictor:
    def __init__(self, label, **options):
        self.label = label
    def fit(self, train, time_limit):
        assert time_limit == 480 and "price" not in train
        self.value = train[self.label].mean()
    def predict(self, test):
        assert self.label not in test
        return [self.value] * len(test)
"""


def test_autogluon_runs_in_its_own_process(task, tmp_path, monkeypatch):
    package = tmp_path / "site" / "autogluon" / "tabular"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(STAND_IN)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    outcome = AutoGluonPeer(Path(sys.executable)).run(task)
    assert np.allclose(np.log1p(outcome.predicted), task.train_log_price.mean())
    assert outcome.info == {"version": "0.stand-in"}


def test_autogluon_that_breaks_says_why(task, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "autogluon.py").write_text("raise ImportError('wrong version of numpy')")
    with pytest.raises(RuntimeError, match="exit code 1: ImportError: wrong version of numpy"):
        AutoGluonPeer(Path(sys.executable)).run(task)


@pytest.mark.slow
def test_the_plain_trainer_tunes_a_backbone(task):
    peer = PlainTrainerPeer(epochs=2, max_length=32)
    outcome = peer.run(task)
    assert error(task, outcome) < error(task, MedianGuess().run(task))
    assert outcome.info["steps"] == 2 * -(-len(task.fold.train) // 8)
