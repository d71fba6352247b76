"""Results are there whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from pricelm.core.errors import OutputError
from pricelm.services.outputs import replaced_file


def test_the_target_changes_only_when_the_block_has_ended(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "prices.csv"
    with replaced_file(target) as draft:
        draft.write_text("first")
        assert not target.exists()
    with replaced_file(target) as draft:
        draft.write_text("second")
        assert target.read_text() == "first"
    assert target.read_text() == "second"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), KeyboardInterrupt()])
def test_after_a_failure_the_old_file_is_there_and_no_draft(tmp_path: Path, failure: BaseException) -> None:
    target = tmp_path / "prices.csv"
    target.write_text("old")
    expected = OutputError if isinstance(failure, OSError) else KeyboardInterrupt
    with pytest.raises(expected) as caught, replaced_file(target) as draft:
        draft.write_text("half")
        raise failure
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]
    if isinstance(failure, OSError):
        assert "No space left" in str(caught.value) and "Free some space" in str(caught.value)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="got the folder"), replaced_file(tmp_path):
        pass


def test_a_file_where_a_folder_is_needed(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(OutputError), replaced_file(tmp_path / "taken" / "prices.csv"):
        pass
