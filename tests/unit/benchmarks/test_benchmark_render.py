from pathlib import Path

import pytest

from benchmarks import render
from benchmarks.results import Document, Row
from pricelm.core.errors import DataError

PROJECT = Path(__file__).resolve().parents[3]


def test_the_documentation_says_what_the_stored_results_say():
    assert render.stale_files(PROJECT) == [], "run: python -m benchmarks.render"


@pytest.fixture
def project(tmp_path):
    """A project with results and two READMEs that hold empty marked sections."""
    rows = [
        Row("mercari", "test_rows", 9991.0),
        Row("mercari", "rmsle", 0.5123, (0.505, 0.52), {"ridge": 0.544, "autogluon": "not installed"}),
        Row("mercari", "rmsle_gain_over_ridge", 0.03, (0.02, 0.04), bar="upper end >= 0", ok=True),
        Row("mercari", "rmsle_gain_from_language", 0.012, (0.004, 0.02), bar="lower end > 0", ok=True),
        Row("mercari", "coverage_90", 0.901, (0.89, 0.91), {"ridge": 0.9}, bar="0.88 .. 0.92", ok=True),
        Row("mercari", "interval_width_log", 1.5, peers={"ridge": 1.7}, bar="< 1.7", ok=True),
        Row("mercari", "interval_width_price", 25.0, peers={"ridge": 30.0}),
    ]
    results = tmp_path / "benchmarks" / "results"
    Document("accuracy", rows, {"python": "3"}).write(results / "accuracy.json")
    Document("memory", [Row("predict", "rows_per_second", 5000.0)], {"python": "3"}).write(
        results / "memory.json"
    )
    for name in ("README.md", "README.zh-CN.md"):
        (tmp_path / name).write_text(f"above\n{render.START}\n{render.END}\nbelow\n", encoding="utf-8")
    return tmp_path


def test_rendering_fills_both_readmes_and_the_page_and_is_then_in_sync(project):
    assert len(render.stale_files(project)) == 3
    assert render.main(["--root", str(project)]) == 0
    assert render.stale_files(project) == []
    assert render.main(["--root", str(project), "--check"]) == 0
    english = (project / "README.md").read_text(encoding="utf-8")
    assert english.startswith(f"above\n{render.START}\n") and english.endswith(f"{render.END}\nbelow\n")
    assert (
        "| mercari | **0.5123 [0.5050, 0.5200]** | 0.5440 | not installed | 0.0120 [0.0040, 0.0200] |"
        in english
    )
    chinese = (project / "README.zh-CN.md").read_text(encoding="utf-8")
    assert "| 数据集 | pricelm（融合） |" in chinese and "未安装" in chinese
    page = (project / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert "## Memory" in page and "| mercari | TF-IDF + ridge | 0.0300 [0.0200, 0.0400] | better |" in page
    assert "90.1 % [89.0 %, 91.0 %]" in page


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md", "docs/benchmarks.md"])
def test_a_number_changed_by_hand_is_found(project, name):
    render.main(["--root", str(project)])
    path = project / name
    path.write_text(path.read_text(encoding="utf-8").replace("0.5123", "0.4123"), encoding="utf-8")
    assert render.stale_files(project) == [path]
    assert render.main(["--root", str(project), "--check"]) == 1
    assert "0.4123" in path.read_text(encoding="utf-8"), "a check writes nothing"


@pytest.mark.parametrize(
    "text", ["no markers", f"{render.END}\n{render.START}", render.START, render.START * 2]
)
def test_markers_that_are_missing_or_swapped_are_said(project, text, capsys):
    (project / "README.md").write_text(text, encoding="utf-8")
    assert render.main(["--root", str(project)]) == 2
    assert "README.md is expected to hold" in capsys.readouterr().err
    with pytest.raises(DataError):
        render.between_markers(text, "new", Path("README.md"))


def test_without_results_there_is_nothing_to_write(tmp_path):
    assert render.rendered(tmp_path) == {}
