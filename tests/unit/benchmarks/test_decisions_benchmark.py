"""The joint table of decisions: which parts run, and what a line says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import decisions
from benchmarks.results import Row


def test_one_table_and_one_document(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "d.json"
    assert decisions.main(["--only", "inventory", "--out", str(out)]) == 0
    *table, _, last = capsys.readouterr().out.splitlines()
    line = next(one for one in table if "order_quantity" in one)
    assert "318.5902 (stockpyl 1.0.2)" in line and "+-0.001" in line and line.endswith("yes")
    document = json.loads(last)
    assert document["table"] == "decisions" and document["ok"]
    assert all(row["case"].startswith("inventory: ") for row in document["rows"])
    assert not out.exists(), "a part is not the whole"


def test_every_part_runs_and_a_missed_bar_shows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rows = {"a": [Row("x", "m", 2.0, bar="<= 1", ok=False)], "b": [Row("y", "m", 1.0)]}
    monkeypatch.setattr(decisions, "parts", lambda data: {name: lambda n=name: rows[n] for name in rows})
    assert decisions.main(["--out", str(tmp_path / "d.json")]) == 1
    shown = capsys.readouterr().out
    assert "a: x" in shown.splitlines()[1] and "NO" in shown and "y" not in shown.split("{")[0]
    stored = json.loads((tmp_path / "d.json").read_text())
    assert [row["case"] for row in stored["rows"]] == ["a: x", "b: y"] and not stored["ok"]


def test_an_unknown_part_and_absent_data_are_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert decisions.main(["--only", "inventry"]) == 2
    assert "expected parts among demand, inventory" in capsys.readouterr().err
    monkey = decisions.parts(tmp_path)
    assert set(monkey) >= {"demand", "inventory", "promotion", "optimization"}
