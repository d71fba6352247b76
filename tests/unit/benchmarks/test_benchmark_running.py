import json

import numpy as np
import pandas as pd
import pytest

from benchmarks.contest import Outcome
from benchmarks.running import run_piece, run_set
from benchmarks.store import Store, code_version, fingerprint
from pricelm.core.errors import TrainingStopped


def test_a_finished_piece_is_not_run_again_and_reads_the_same(tmp_path, tiny_set, counting_predictor):
    predictor = counting_predictor()
    first = run_piece(tiny_set, 0, predictor, Store(tmp_path))
    again = run_piece(tiny_set, 0, predictor, Store(tmp_path))
    assert predictor.runs == 1
    pd.testing.assert_frame_equal(first.rows, again.rows)
    assert again.facts["train_seconds"] == 2.0
    assert again.rows["actual"].tolist() == tiny_set.price[tiny_set.folds[0].test].tolist()


def test_another_option_other_rows_or_other_text_make_a_piece_stale(tmp_path, tiny_set, counting_predictor):
    store = Store(tmp_path)
    run_piece(tiny_set, 0, counting_predictor(price=10.0), store)
    dearer = counting_predictor(price=11.0)
    run_piece(tiny_set, 0, dearer, store)
    assert dearer.runs == 1
    tiny_set.listings.loc[0, "description"] = "another text"
    run_piece(tiny_set, 0, dearer, store)
    assert dearer.runs == 2


def test_a_killed_run_keeps_what_was_finished_and_goes_on(tmp_path, tiny_set, counting_predictor):
    store = Store(tmp_path)
    cheap, slow = counting_predictor("cheap"), counting_predictor("slow", error=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        run_set(tiny_set, [0], [cheap, slow], store)
    slow.error = None
    pieces = run_set(tiny_set, [0], [cheap, slow], store)
    assert (cheap.runs, slow.runs) == (1, 2)
    assert all(piece.done for piece in pieces)


def test_a_piece_cut_off_while_it_was_written_does_not_count(tmp_path, tiny_set, counting_predictor):
    predictor = counting_predictor()
    run_piece(tiny_set, 0, predictor, Store(tmp_path))
    facts = next(tmp_path.rglob("flat.json"))
    facts.write_text(facts.read_text()[:40])
    assert run_piece(tiny_set, 0, predictor, Store(tmp_path)).done
    assert predictor.runs == 2


def test_one_failure_is_recorded_the_others_go_on_and_it_is_tried_again(
    tmp_path, tiny_set, counting_predictor
):
    broken, fine = counting_predictor("broken", error=RuntimeError("no such model")), counting_predictor()
    failed, done = run_set(tiny_set, [0], [broken, fine], Store(tmp_path))
    assert (failed.facts["status"], failed.facts["reason"]) == ("failed", "RuntimeError: no such model")
    assert done.done
    stored = json.loads(next(tmp_path.rglob("broken.json")).read_text())
    assert stored["reason"] == "RuntimeError: no such model"
    broken.error = None
    assert run_piece(tiny_set, 0, broken, Store(tmp_path)).done


def test_an_interrupted_training_stops_the_benchmark(tmp_path, tiny_set, counting_predictor):
    stopped = counting_predictor(error=TrainingStopped("Ctrl-C"))
    with pytest.raises(TrainingStopped):
        run_piece(tiny_set, 0, stopped, Store(tmp_path))


def test_a_skipping_predictor_is_not_run_and_says_why(tmp_path, tiny_set, counting_predictor):
    predictor = counting_predictor(skip="not installed")
    piece = run_piece(tiny_set, 0, predictor, Store(tmp_path))
    assert (piece.facts["status"], piece.facts["reason"], predictor.runs) == ("skipped", "not installed", 0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0])
def test_a_price_that_is_none_fails_the_piece(tmp_path, tiny_set, counting_predictor, bad):
    piece = run_piece(tiny_set, 0, counting_predictor(price=bad), Store(tmp_path))
    assert piece.facts["status"] == "failed"
    assert "negative or no number" in piece.facts["reason"]


def test_too_few_prices_fail_the_piece(tmp_path, tiny_set, counting_predictor):
    predictor = counting_predictor()
    predictor.run = lambda task: Outcome(np.ones(3), 0.0, 0.0)
    piece = run_piece(tiny_set, 0, predictor, Store(tmp_path))
    assert "one a test row, got 3" in piece.facts["reason"]


def test_an_interval_without_two_ends_fails_the_piece(tmp_path, tiny_set, counting_predictor):
    predictor = counting_predictor()
    n = len(tiny_set.folds[0].test)
    ends = {"lower": np.full(n, 1.0), "upper": np.full(n, np.nan)}
    predictor.run = lambda task: Outcome(np.ones(n), 0.0, 0.0, ends)
    assert "two finite ends" in run_piece(tiny_set, 0, predictor, Store(tmp_path)).facts["reason"]
    predictor.run = lambda task: Outcome(np.ones(n), 0.0, 0.0, {**ends, "upper": np.full(n, 2.0)})
    assert run_piece(tiny_set, 0, predictor, Store(tmp_path)).done


def test_work_files_of_a_finished_piece_are_removed_those_of_a_failed_one_stay(
    tmp_path, tiny_set, counting_predictor
):
    def run(task):
        (task.scratch / "checkpoint").write_text("half way")
        if fails:
            raise RuntimeError("out of memory")
        return Outcome(np.ones(len(task.fold.test)), 0.0, 0.0)

    predictor = counting_predictor()
    predictor.run = run
    fails = True
    run_piece(tiny_set, 0, predictor, Store(tmp_path))
    assert len(list(tmp_path.rglob("checkpoint"))) == 1
    fails = False
    run_piece(tiny_set, 0, predictor, Store(tmp_path))
    assert not list(tmp_path.rglob("checkpoint"))


def test_code_version_sees_code_but_not_words_about_it(tmp_path):
    source = tmp_path / "code.py"
    source.write_text('"""Old words."""\ndef f():\n    """Doc."""\n    return 1\n')
    old = code_version([tmp_path])
    source.write_text('"""New words."""\n# a comment\ndef f():\n    return  1\n')
    assert code_version([tmp_path]) == old
    source.write_text("def f():\n    return 2\n")
    assert code_version([tmp_path]) != old


def test_a_fingerprint_depends_on_each_part():
    marks = {
        fingerprint({"seed": 1}, "code", "data"),
        fingerprint({"seed": 2}, "code", "data"),
        fingerprint({"seed": 1}, "other", "data"),
        fingerprint({"seed": 1}, "code", "other"),
    }
    assert len(marks) == 4
