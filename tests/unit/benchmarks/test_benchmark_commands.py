import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from benchmarks import accuracy, batch, batching, ours
from benchmarks.made_up import made_up_listings, write_listings
from benchmarks.process_memory import PeakMemory


@pytest.fixture
def run_accuracy(tiny_set, stand_in_model, tmp_path, monkeypatch, capsys):
    """Runs the command on the tiny set with a stand-in model; returns exit code, document and fits."""
    fits = []

    class Counted(stand_in_model):
        def fit(self, X, run_dir=None):
            fits.append(len(X))
            return super().fit(X, run_dir)

    monkeypatch.setattr(accuracy, "LOADERS", {"tiny": lambda data: tiny_set})
    monkeypatch.setattr(accuracy.PriceModelContestant.__init__, "__defaults__", (Counted,))

    def run(*more):
        folders = ["--out", str(tmp_path / "out.json"), "--work", str(tmp_path / "work")]
        code = accuracy.main(["--data", str(tmp_path), "--peers", "median,ridge", *folders, *more])
        return code, json.loads(capsys.readouterr().out.splitlines()[-1]), fits

    return run


def test_the_command_compares_and_ends_with_the_document(run_accuracy, tmp_path):
    code, document, _ = run_accuracy()
    assert document == json.loads((tmp_path / "out.json").read_text())
    assert document["table"] == "accuracy"
    assert document["versions"]["preset"] == "best"
    rows = {(row["case"], row["metric"]): row for row in document["rows"]}
    assert set(rows["tiny", "rmsle"]["peers"]) == {"median", "ridge"}
    assert rows["tiny", "rmsle"]["ours"] < rows["tiny", "rmsle"]["peers"]["median"]
    assert rows["tiny", "rmsle_gain_over_ridge"]["ok"] is False, "the ridge reads more than the category"
    assert (code, document["ok"]) == (1, False)


def test_the_second_run_fits_nothing_and_says_the_same(run_accuracy):
    _, first, fits = run_accuracy()
    _, second, _ = run_accuracy()
    assert len(fits) == 1
    assert first["rows"] == second["rows"]


def test_absent_data_is_said_plainly(tmp_path, capsys):
    code = accuracy.main(["--data", str(tmp_path / "nowhere"), "--sets", "mercari"])
    assert code == 2
    assert "train_10k.tsv" in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong", [["--sets", "mercary"], ["--peers", "xgboost"], ["--folds", "0,7"], ["--preset", "slow"]]
)
def test_an_unknown_name_is_refused_before_anything_runs(tmp_path, wrong, capsys):
    with pytest.raises(SystemExit) as stop:
        accuracy.main(["--data", str(tmp_path), *wrong])
    assert stop.value.code == 2
    assert wrong[1].split(",")[-1] in capsys.readouterr().err


def test_made_up_listings_are_the_same_for_a_seed_and_priced_by_their_words(tmp_path):
    frame = made_up_listings(5000, seed=3, priced=True)
    pd.testing.assert_frame_equal(frame, made_up_listings(5000, seed=3, priced=True))
    assert (frame["price"] > 0).all()
    handmade = frame["title"].str.contains("handmade")
    assert frame.loc[handmade, "price"].median() > 1.3 * frame.loc[~handmade, "price"].median()


def test_a_table_is_written_in_chunks_with_one_head_and_ids_that_go_on(tmp_path):
    path = tmp_path / "listings.csv"
    write_listings(path, 60_001, seed=1)
    frame = pd.read_csv(path)
    assert frame["listing_id"].tolist() == list(range(60_001))
    assert "price" not in frame
    assert frame["title"].notna().all()


def test_the_peak_of_a_process_is_seen_after_it_let_go():
    hog = "import sys; block = bytearray(300_000_000); del block; print('free', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", hog], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "free\n"
        peak = PeakMemory(process.pid)
        peak.look()
        process.stdin.close()
        process.wait()
        peak.look()
    assert 300_000_000 < peak.peak_bytes < 400_000_000


SCORES = """
import sys, time, pathlib
command, model, listings, flag, out = sys.argv[1:]
assert (command, flag) == ("predict", "-o"), sys.argv
lines = pathlib.Path(listings).read_text().splitlines()
pathlib.Path(out).write_text("id,predicted_price\\n" + "".join(f"{n},1.5\\n" for n in lines))
time.sleep(0.3)  # longer than the pause between two looks at its memory
"""


def test_scoring_runs_the_command_line_and_counts_what_was_priced(tmp_path, monkeypatch):
    monkeypatch.setattr(batch, "_COMMAND_LINE", SCORES)
    (tmp_path / "in.csv").write_text("1\n2\n3\n")
    peak, seconds = batch.score(tmp_path / "model", tmp_path / "in.csv", tmp_path / "out.csv")
    assert batch.count_priced(tmp_path / "out.csv") == 3
    assert peak > 1_000_000 and seconds > 0


def test_scoring_that_fails_ends_with_what_it_said(tmp_path, monkeypatch):
    monkeypatch.setattr(batch, "_COMMAND_LINE", "raise SystemExit('no such model')")
    with pytest.raises(RuntimeError, match="exit code 1:\nno such model"):
        batch.score(tmp_path / "model", tmp_path / "in.csv", tmp_path / "out.csv")


def test_memory_and_completeness_have_bars():
    fine = batch.size_rows("case", 1000, 1000, 900_000_000, 2.0)
    assert [row.ok for row in fine] == [None, True, True]
    assert fine[0].ours == 500
    heavy = batch.size_rows("case", 1000, 999, 1_100_000_000, 2.0)
    assert [row.ok for row in heavy] == [None, False, False]


def test_memory_is_flat_from_the_second_file_on():
    assert batch.growth_row([100, 200, 230, 240]).ok is True
    assert batch.growth_row([100, 200, 230, 260]).ok is False
    assert batch.growth_row([100]).ours == 1.0


def test_groceries_are_drawn_again_under_new_identifiers(tmp_path):
    products = pd.DataFrame({"listing_id": ["a", "b"], "title": ["milk", "bread"], "price": [1.0, 2.0]})
    batch.write_groceries(tmp_path / "g.csv", products, 60_000)
    table = pd.read_csv(tmp_path / "g.csv")
    assert table["listing_id"].tolist() == list(range(60_000))
    assert set(table["title"]) == {"milk", "bread"} and "price" not in table


def test_the_batch_command_measures_every_size_and_both_engines(tmp_path, monkeypatch, capsys):
    asked = []

    def score(model, listings, out, *options):
        n = len(pd.read_csv(listings))
        asked.append((n, options))
        out.write_text("predicted_price\n" + "1.5\n" * n)
        chunks = -(-n // int(options[3])) if options else 1
        return 500_000_000, (8.0 if "ray" in options else 2.0) + 0.5 * chunks

    monkeypatch.setattr(batch, "score", score)
    monkeypatch.setattr(batch, "train_model", lambda folder, listings: folder)
    places = ["--work", str(tmp_path / "work"), "--out", str(tmp_path / "batch.json")]
    assert batch.main(["--sizes", "30,10", "--grocery-rows", "0", "--ray", *places]) == 0
    document = json.loads(capsys.readouterr().out.splitlines()[-1])
    found = {(row["case"], row["metric"]): row["ours"] for row in document["rows"]}
    assert [n for n, options in asked if not options] == [10, 30]
    assert found["made-up listings, 30 rows", "rows_priced"] == 30
    engines = {metric: value for (case, metric), value in found.items() if case.startswith("engines")}
    assert engines["ray_seconds_to_start"] == pytest.approx(6.0)
    assert engines["ray_seconds_per_further_chunk"] == pytest.approx(0.5)


def test_the_speedup_is_that_of_the_fastest_runs():
    rates = iter([20.0, 10.0, 26.0, 13.0, 5.0, 12.0])
    asked = []

    def rate(texts, targets, config):
        asked.append((config.bucketed, config.max_length))
        return next(rates)

    rows = batching.speedup_rows(["a"] * 4, np.ones(4), max_length=64, repeats=3, rate=rate)
    assert asked == [(True, 64), (False, 64)] * 3
    assert rows[0].ours == 26.0 and rows[0].peers == {"unbucketed": 13.0}
    assert rows[1].ours == 2.0 and rows[1].ok


def test_a_small_speedup_fails():
    rates = iter([12.0, 10.0])
    rows = batching.speedup_rows(["a"], np.ones(1), max_length=8, repeats=1, rate=lambda *_: next(rates))
    assert rows[1].ok is False


def test_the_model_of_the_contest_is_the_public_one(monkeypatch):
    import pricelm

    made = {}
    monkeypatch.setattr(pricelm, "PriceModel", lambda **options: made.update(options), raising=False)
    ours.new_price_model("best", "multilingual-e5")
    assert made == {"preset": "best", "backbone": "multilingual-e5", "seed": 42}
