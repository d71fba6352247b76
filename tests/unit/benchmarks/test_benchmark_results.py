import json
import math

import pytest

from benchmarks.results import Document, Row, passes, read_document, versions
from pricelm.core.errors import DataError


@pytest.mark.parametrize(
    ("value", "bar", "expected"),
    [
        (0.5, ">= 0.5", True),
        (0.4999, ">= 0.5", False),
        (0.52, "<= 0.52", True),
        (1.5e9, "< 1500000000", False),
        (0.88, "0.88 .. 0.92", True),
        (0.9201, "0.88 .. 0.92", False),
        (math.nan, "<= 1", False),
        (None, ">= 0", False),
    ],
)
def test_a_bar_is_reached_or_not(value, bar, expected):
    assert passes(value, bar) is expected


def test_a_document_is_ok_when_no_bar_fails_and_there_is_something_in_it():
    free = Row("a", "mae", 1.0)
    reached = Row("a", "r2", 0.6, bar=">= 0.5", ok=True)
    failed = Row("a", "r2", 0.4, bar=">= 0.5", ok=False)
    assert Document("t", [free, reached], {}).ok
    assert not Document("t", [free, reached, failed], {}).ok
    assert not Document("t", [], {}).ok


def test_a_bar_without_a_verdict_is_refused():
    with pytest.raises(ValueError, match="verdict"):
        Row("a", "r2", 0.4, bar=">= 0.5")


def test_the_line_is_one_line_of_json_in_the_agreed_format():
    row = Row("zh", "rmsle", math.nan, (0.1, math.inf), {"ridge": math.nan, "autogluon": "not installed"})
    line = Document("accuracy", [row], {"python": "3"}).line()
    assert "\n" not in line
    read = json.loads(line)
    assert list(read) == ["table", "versions", "rows", "ok"]
    assert list(read["rows"][0]) == ["case", "metric", "ours", "interval", "peers", "published", "bar", "ok"]
    assert read["rows"][0]["ours"] is None
    assert read["rows"][0]["interval"] == [0.1, None]
    assert read["rows"][0]["peers"] == {"ridge": None, "autogluon": "not installed"}
    assert read["rows"][0]["ok"] is None


def test_what_is_written_is_read_back(tmp_path):
    rows = [Row("a", "r2", 0.6, (0.5, 0.7), {"ridge": 0.4}, {"paper": 0.5}, ">= 0.5", True)]
    document = Document("accuracy", rows, {"python": "3"})
    document.write(tmp_path / "results" / "accuracy.json")
    assert read_document(tmp_path / "results" / "accuracy.json") == document
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["accuracy.json"]


@pytest.mark.parametrize("text", ["{", "{}", '{"table": "a", "rows": [{"case": "a"}], "versions": {}}', "[]"])
def test_a_file_that_is_no_document_is_named(tmp_path, text):
    path = tmp_path / "broken.json"
    path.write_text(text)
    with pytest.raises(DataError, match=r"broken\.json.*Run the benchmark again"):
        read_document(path)


def test_versions_name_what_shapes_a_result():
    found = versions()
    assert {"date", "python", "cores", "pricelm", "numpy", "scikit-learn", "lightgbm"} <= set(found)
