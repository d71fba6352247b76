"""What the code never does: run what it reads, or carry an address of one machine."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src" / "pricelm").rglob("*.py"))
FORBIDDEN_MODULES = {
    "pickle",
    "cPickle",
    "_pickle",
    "cloudpickle",
    "dill",
    "joblib",
    "marshal",
    "shelve",
    "jsonpickle",
}
FORBIDDEN_CALLS = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "yaml.load",
    "yaml.unsafe_load", "yaml.full_load", "pd.read_pickle", "pandas.read_pickle", "pd.eval", "np.load",
}  # fmt: skip
FORBIDDEN_METHODS = {"to_pickle", "read_pickle"}
REGISTRY_HOST = re.compile(
    r"(pypi|pythonhosted|download\.pytorch|anaconda|npmjs|yarnpkg|deb\.debian|crates|proxy\.golang|maven\.apache)"
    r"\.(org|com|io)"
)
LOCAL_PATH = re.compile(r"(?<![\w.\-/])/(work|root|opt|home|Users)/[\w.]")


def dotted(node: ast.expr) -> str:
    """Return ``a.b.c`` for a name or attribute, and an empty string for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        owner = dotted(node.value)
        return f"{owner}.{node.attr}" if owner else ""
    return ""


def offenses(source: str) -> list[str]:
    """Return what a module does that pricelm never does."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [f"import {a.name}" for a in node.names if a.name.split(".")[0] in FORBIDDEN_MODULES]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in FORBIDDEN_MODULES:
            found.append(f"from {node.module} import ...")
        elif isinstance(node, ast.Call):
            name = dotted(node.func)
            if name in FORBIDDEN_CALLS or name.split(".")[-1] in FORBIDDEN_METHODS:
                found.append(f"{name}(...)")
            # What a package ships pickled is read by torch's reader of plain tensors, never otherwise.
            if name == "torch.load" and not any(one.arg == "weights_only" for one in node.keywords):
                found.append(f"{name}(...)")
            for keyword in node.keywords:
                value = keyword.value.value if isinstance(keyword.value, ast.Constant) else None
                if keyword.arg in ("shell", "allow_pickle", "trust_remote_code") and value is not False:
                    found.append(f"{keyword.arg}=...")
                if keyword.arg == "weights_only" and value is not True:
                    found.append("weights_only=...")
    return found


def tracked_files() -> list[Path]:
    """Return the text files of the repository, or of the source folder where there is no git."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode == 0:
        paths = [ROOT / line for line in listed.stdout.splitlines()]
    else:
        folders = ("src", "tests", "docs", "benchmarks")
        paths = [p for folder in folders for p in (ROOT / folder).rglob("*")] + list(ROOT.glob("*.*"))
    return [path for path in paths if path.is_file() and b"\0" not in path.read_bytes()[:8000]]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_the_code_runs_nothing_that_it_reads(path: Path) -> None:
    assert offenses(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import load",
        "eval('1')",
        "import torch\ntorch.load('x')",
        "import torch\ntorch.load('x', weights_only=False)",
        "import torch\ntorch.load('x', weights_only=flag)",
        "import subprocess\nsubprocess.run('ls', shell=True)",
        "import numpy as np\nnp.load('x')",
        "import yaml\nyaml.load('x')",
        "import os\nos.system('ls')",
        "frame.to_pickle('x')",
        "AutoModel.from_pretrained('x', trust_remote_code=flag)",
    ],
)
def test_the_check_sees_each_offense(source: str) -> None:
    assert offenses(source)


@pytest.mark.parametrize(
    "source",
    [
        "model.eval()",
        "re.compile('x')",
        "subprocess.run(['ls'], shell=False)",
        "json.load(stream)",
        "import torch\ntorch.load('x', weights_only=True)",
    ],
)
def test_the_check_lets_innocent_code_pass(source: str) -> None:
    assert offenses(source) == []


def test_no_file_names_a_package_registry_or_a_folder_of_one_machine() -> None:
    guilty = []
    for path in tracked_files():
        if path == Path(__file__):
            continue
        for number, line in enumerate(
            path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1
        ):
            if REGISTRY_HOST.search(line) or LOCAL_PATH.search(line):
                guilty.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert guilty == []


@pytest.mark.parametrize(
    ("text", "guilty"),
    [
        ("index-url = https://py" + "pi.org/simple", True),
        ("see /ro" + "ot/.cache", True),
        ("a path: '/wo" + "rk/main'", True),
        ("category a/work/b", False),
        ("docs/work/x", False),
        ("the home page", False),
    ],
)
def test_the_address_check_itself(text: str, guilty: bool) -> None:
    assert bool(REGISTRY_HOST.search(text) or LOCAL_PATH.search(text)) is guilty


def test_no_large_binary_is_tracked() -> None:
    large = [p.name for p in tracked_files() if p.stat().st_size > 2_000_000]
    assert large == []
