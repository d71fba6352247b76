"""Who may import whom, how large a part may grow, and what it may be called."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "pricelm"
SOURCES = sorted(PACKAGE.rglob("*.py"))
ROOMS = {
    "core", "catalog", "knowledge", "language", "models", "evaluation", "learning", "explanation",
    "serving", "decisions", "storage", "services", "web", "cli",
}  # fmt: skip
NAMELESS = {"utils", "util", "helpers", "helper", "common", "manager", "misc", "tools"}


def line_count(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_the_rooms_import_only_whom_they_may() -> None:
    # In a process of its own: the linter configures logging and thereby silences every other logger.
    linter = Path(sys.executable).parent / "lint-imports"
    linted = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_every_room_stands_in_the_contract() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = next(c for c in settings["tool"]["importlinter"]["contracts"] if c["type"] == "layers")
    in_contract = {room.strip() for layer in layers["layers"] for room in layer.split("|")}
    on_disk = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    assert in_contract == on_disk == ROOMS


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_is_of_readable_size_and_has_a_name(path: Path) -> None:
    assert line_count(path) <= 600, "split it: a reader holds 600 lines at most"
    assert not {part.removesuffix(".py") for part in path.relative_to(PACKAGE).parts} & NAMELESS
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), "say what the module is for"


def test_the_facade_stays_an_assembly() -> None:
    assert line_count(PACKAGE / "models" / "price_model.py") < 300


def test_the_core_install_needs_no_training_library() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = " ".join(project["dependencies"])
    assert "torch" not in needed and "transformers" not in needed
    assert any(line.startswith("torch>=") for line in project["optional-dependencies"]["train"])


def test_the_constraints_are_plain_pins() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    assert pins["torch"] == "2.13.0"
    assert not [pin for pin in pins.items() if "+" in pin[1] or "/" in "".join(pin)]
    assert "pricelm" not in pins
