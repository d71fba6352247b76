"""The notebook runs from top to bottom, and is committed without what it put out."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))


def read(path: Path) -> Any:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def printed(notebook: Any) -> str:
    """Return everything that a notebook showed as text."""
    shown = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            shown.append(output.get("text") or output.get("data", {}).get("text/plain", ""))
    return "\n".join(shown)


def test_there_is_a_notebook() -> None:
    assert [path.name for path in NOTEBOOKS] == ["pricelm_quickstart.ipynb"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_it_is_committed_without_outputs(path: Path) -> None:
    for cell in read(path).cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_each_step_is_explained(path: Path) -> None:
    cells = read(path).cells
    assert cells[0].cell_type == "markdown"
    for before, cell in pairwise(cells[1:]):
        assert cell.cell_type == "markdown" or before.cell_type == "markdown"


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_it_runs_from_top_to_bottom(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The kernel is a process of its own, which must see the code of this checkout.
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    # No profile of the person who runs the tests.
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = read(path)
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    )
    client.execute()
    shown = printed(notebook)
    assert re.search(r"balanced: 90% intervals held \d+% \(\d+% to \d+%\)", shown)
    assert "refused: {}" in shown
    assert (tmp_path / "my-model" / "model.json").is_file()
    lines = (tmp_path / "prices.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0].split(",")[1:4] == ["predicted_price", "price_lower", "price_upper"]
    assert len(lines) == 4
    for line in lines[1:]:
        price, lower, upper = map(float, line.split(",")[1:4])
        assert 0 < lower < price < upper
