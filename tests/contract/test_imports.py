"""What an import may load: the package and its command line start light."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import pricelm

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src" / "pricelm").rglob("*.py"))
HEAVY = (
    "torch",
    "transformers",
    "accelerate",
    "tokenizers",
    "pandas",
    "numpy",
    "scipy",
    "sklearn",
    "lightgbm",
    "pyarrow",
    "sqlalchemy",
    "optuna",
    "alembic",
    # pydantic is not here: typer loads it by itself where it is installed
    "fastapi",
    "uvicorn",
    "prometheus_client",
    "onnx",
    "onnxruntime",
    "statsforecast",
    "mlforecast",
)
COMMANDS = (
    "train", "tune", "compare", "evaluate", "predict", "quote", "export", "serve", "keys", "models",
    "backbones", "demand", "forecast", "rules", "optimize", "promote", "markdown", "stock", "simulate",
    "compete", "batch", "apply", "rollback", "replay", "store", "audit", "demo", "doctor",
)  # fmt: skip
RUN_COMMAND_LINE = """
import sys
sys.argv = ["pricelm", *{arguments!r}]
from pricelm.cli.main import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""


def modules_loaded_by(code: str) -> set[str]:
    """Run code in a fresh interpreter and return the top-level modules that it loaded."""
    report = (
        "\nimport json, sys\nprint('LOADED' + json.dumps(sorted({n.split('.')[0] for n in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code + report],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.rsplit("LOADED", 1)[1]))


def module_level_imports(tree: ast.Module) -> set[str]:
    """Return the top-level packages that a module imports as soon as it is imported itself."""
    found: set[str] = set()
    pending: list[ast.AST] = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            pending.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
        pending.extend(ast.iter_child_nodes(node))
    return found


def test_importing_the_package_loads_nothing_heavy() -> None:
    loaded = modules_loaded_by("import pricelm")
    assert "pricelm" in loaded
    assert not loaded & set(HEAVY)


@pytest.mark.parametrize(
    "arguments", [["--help"], *[[command, "--help"] for command in COMMANDS]], ids=" ".join
)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    loaded = modules_loaded_by(RUN_COMMAND_LINE.format(arguments=arguments))
    assert "typer" in loaded, "the command line did not start"
    assert not loaded & set(HEAVY)


def test_every_public_name_leads_somewhere() -> None:
    for name in pricelm.__all__:
        assert getattr(pricelm, name) is not None
    assert set(pricelm.__all__) <= set(dir(pricelm))
    assert 10 <= len(pricelm.__all__) <= 20, "the public interface is ten to twenty names"


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="NoSuchName"):
        pricelm.NoSuchName


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_only_the_language_room_imports_torch_at_module_level(path: Path) -> None:
    room = path.relative_to(ROOT / "src" / "pricelm").parts[0]
    imported = module_level_imports(ast.parse(path.read_text(encoding="utf-8")))
    if room != "language":
        assert not imported & {"torch", "transformers", "accelerate", "tokenizers", "onnx", "onnxruntime"}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import torch.nn", {"torch"}),
        ("try:\n    from torch import nn\nexcept ImportError:\n    pass", {"torch"}),
        ("class A:\n    import torch", {"torch"}),
        ("def f():\n    import torch", set()),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch", {"typing"}),
    ],
)
def test_the_import_finder_itself(source: str, expected: set[str]) -> None:
    assert module_level_imports(ast.parse(source)) == expected
