"""rejected.csv tells of the output beside it, and of nothing else."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from pricelm.core.errors import OutputError
from pricelm.services.rejections import RejectedRows


def rows(*reasons: str) -> pd.DataFrame:
    return pd.DataFrame(
        [{"row": number, "column": "price", "value": "?", "reason": r} for number, r in enumerate(reasons, 1)]
    )


def test_rows_are_written_once_and_counted_by_kind(tmp_path: Path) -> None:
    with RejectedRows(tmp_path / "prices.csv") as rejected:
        rejected.add(rows("too few fields: 1, expected 2", "too few fields: 1, expected 3"))
        rejected.add(rows("no price"))
        assert not rejected.path.exists()
    assert dict(rejected.counts) == {"too few fields": 2, "no price": 1}
    table = pd.read_csv(tmp_path / "rejected.csv")
    assert table.columns.tolist() == ["row", "column", "value", "reason"]
    assert len(table) == 3
    assert rejected.written == tmp_path / "rejected.csv"


def test_a_failed_run_leaves_the_earlier_file_alone(tmp_path: Path) -> None:
    with RejectedRows(tmp_path / "prices.csv") as rejected:
        rejected.add(rows("first"))
    with pytest.raises(KeyboardInterrupt), RejectedRows(tmp_path / "prices.csv") as rejected:
        rejected.add(rows("second"))
        raise KeyboardInterrupt
    assert "first" in (tmp_path / "rejected.csv").read_text()
    assert len(list(tmp_path.iterdir())) == 1


def test_a_run_without_rejections_removes_the_file_of_the_run_before(tmp_path: Path) -> None:
    with RejectedRows(tmp_path / "prices.csv") as rejected:
        rejected.add(rows("first"))
    with RejectedRows(tmp_path / "prices.csv") as rejected:
        rejected.add(rows())
    assert rejected.written is None
    assert list(tmp_path.iterdir()) == []


def test_somebody_elses_file_of_that_name_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "rejected.csv").write_text("name,grade\nAnn,F\n")
    with pytest.raises(OutputError, match="another kind"), RejectedRows(tmp_path / "prices.csv"):
        pass
    assert (tmp_path / "rejected.csv").read_text() == "name,grade\nAnn,F\n"
