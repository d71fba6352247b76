"""The documentation is complete, and what it shows runs."""

from __future__ import annotations

import inspect
import os
import re
import shlex
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from types import FunctionType
from typing import Any

import pandas as pd
import pytest
import typer
import yaml

import pricelm
from benchmarks.render import stale_files
from pricelm.cli.exit_codes import MEANINGS
from pricelm.cli.main import app
from pricelm.core import errors
from pricelm.knowledge.kinds import KINDS, rule_from
from pricelm.language.config import TuningConfig
from pricelm.models.presets import PRESETS

ROOT = Path(__file__).parents[2]
READMES = ("README.md", "README.zh-CN.md")
PAGES = sorted([ROOT / name for name in READMES] + list((ROOT / "docs").rglob("*.md")))
FENCE = re.compile(r"^```([\w-]*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]+")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
COMMAND_LINE: Any = typer.main.get_command(app)
GROUPS: dict[str, Any] = {n: one for n, one in COMMAND_LINE.commands.items() if hasattr(one, "commands")}
COMMANDS: dict[str, Any] = {n: one for n, one in COMMAND_LINE.commands.items() if n not in GROUPS} | {
    f"{group} {name}": command for group, found in GROUPS.items() for name, command in found.commands.items()
}


def blocks(path: Path, language: str) -> list[str]:
    """Return the fenced code blocks of one language."""
    return [body for name, body in FENCE.findall(path.read_text(encoding="utf-8")) if name == language]


def console_commands(path: Path) -> list[list[str]]:
    """Return the ``pricelm ...`` commands of the console blocks, split into words."""
    joined = "\n".join(blocks(path, "console")).replace("\\\n", " ")
    lines = [line.removeprefix("$ ").strip() for line in joined.splitlines() if line.startswith("$ ")]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("pricelm")]


def option_names(command: Any) -> set[str]:
    """Return the long options of a command, the negative ones of switches too."""
    names = [name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)]
    return {name for name in names if name.startswith("--")} - {"--help"}


def section_of(command: str) -> str:
    """Return what docs/cli.md says about a command."""
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    found = re.search(rf"^## pricelm {command}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"docs/cli.md has no section '## pricelm {command}'"
    return found.group(1)


def public_errors() -> list[str]:
    members = inspect.getmembers(errors, inspect.isclass)
    return [name for name, kind in members if issubclass(kind, errors.PricelmError)]


def anchors_of(path: Path) -> set[str]:
    headings = re.findall(r"^#+ +(.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def documented_commands() -> list[Any]:
    cases = [(page, words) for page in PAGES for words in console_commands(page)]
    return [pytest.param(words, id=f"{page.name}: {' '.join(words)}") for page, words in cases]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_and_option_is_documented(name: str) -> None:
    assert sorted(option_names(COMMANDS[name]) - set(OPTION.findall(section_of(name)))) == []
    for parameter in COMMANDS[name].params:
        if not parameter.opts[0].startswith("-"):
            assert parameter.name.upper() in section_of(name)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_no_option_is_documented_that_does_not_exist(name: str) -> None:
    everywhere = {"--help"}
    assert sorted(set(OPTION.findall(section_of(name))) - option_names(COMMANDS[name]) - everywhere) == []


def test_no_command_is_documented_that_does_not_exist() -> None:
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^## pricelm (.+)$", text, re.MULTILINE)) == set(COMMANDS)


def test_every_exit_code_is_documented() -> None:
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    shown = {int(code): meaning for code, meaning in re.findall(r"^\| (\d+) \| (.+) \|$", text, re.MULTILINE)}
    assert shown == {code.value: meaning for code, meaning in MEANINGS.items()}


def understood(words: list[str]) -> None:
    """Hold that a command line names a command with its options and all that it needs."""
    name, *arguments = words or ["--help"]
    if name in ("--help", "--version"):
        return
    if name in GROUPS:
        name, arguments = f"{name} {arguments[0]}", arguments[1:]
    assert name in COMMANDS, f"there is no command {name!r}"
    command = COMMANDS[name]
    context = command.context_class(command, info_name=name)
    options, rest, _ = command.make_parser(context).parse_args(list(arguments))
    assert rest == []
    required = [p.name for p in command.params if p.required]
    assert [parameter for parameter in required if options.get(parameter) is None] == []


def commands_in_the_text(page: Path) -> list[list[str]]:
    """Return the ``pricelm ...`` commands of a page that stand in its tables and sentences."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    found = [shlex.split(one)[1:] for one in re.findall(r"`(pricelm [^`]+)`", text)]
    return [words for words in found if not set(words) & {"...", "\u2026"}]


def for_those_on_call() -> list[Any]:
    pages = [ROOT / "docs" / name for name in ("operations.md", "upgrading.md", "runbook.md")]
    cases = [(page, words) for page in pages for words in commands_in_the_text(page)]
    return [pytest.param(words, id=f"{page.name}: {' '.join(words)}") for page, words in cases]


@pytest.mark.parametrize("words", documented_commands())
def test_every_command_line_shown_is_understood(words: list[str]) -> None:
    understood(words)


@pytest.mark.parametrize("words", for_those_on_call())
def test_every_command_for_those_on_call_exists(words: list[str]) -> None:
    understood(words)


def test_the_readmes_show_commands_and_python() -> None:
    for name in READMES:
        assert console_commands(ROOT / name)
        assert blocks(ROOT / name, "python")[0].startswith("from pricelm import PriceModel")


def test_the_numbers_are_those_of_the_benchmark() -> None:
    assert stale_files(ROOT) == [], "run python -m benchmarks.render"


def test_both_readmes_show_the_same_code() -> None:
    english, chinese = (ROOT / name for name in READMES)
    assert console_commands(english) == console_commands(chinese)
    assert len(blocks(english, "python")) == len(blocks(chinese, "python"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        *READMES,
        "docs/quickstart.md",
        "docs/data.md",
        "docs/model.md",
        "docs/training.md",
        "docs/intervals.md",
        "docs/bundle.md",
        "docs/decisions.md",
        "docs/dynamic.md",
        "docs/api.md",
    ],
)
def test_every_python_block_runs(name: str, tmp_path: Path) -> None:
    code = "\n".join(blocks(ROOT / name, "python"))
    assert code, f"{name} shows no Python"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=600,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    assert done.returncode == 0, done.stderr


def test_every_public_name_is_documented() -> None:
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    assert [name for name in pricelm.__all__ if f"`{name}" not in text] == []


def test_every_public_method_of_the_model_is_documented() -> None:
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    written = (FunctionType, classmethod)
    own = [n for n, value in vars(pricelm.PriceModel).items() if isinstance(value, written) and n[0] != "_"]
    assert own
    assert [name for name in own if f"`{name}" not in text and f".{name}(" not in text] == []


def test_every_error_is_documented() -> None:
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    assert [name for name in public_errors() if f"`{name}`" not in text] == []


def test_every_tuning_setting_is_documented_with_its_default() -> None:
    text = (ROOT / "docs" / "model.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]*) \|", text, re.MULTILINE))
    for setting in fields(TuningConfig):
        assert setting.name in rows, f"docs/model.md has no row for {setting.name}"
        shown = rows[setting.name].strip().strip("`")
        assert shown == str(getattr(TuningConfig(), setting.name)), (
            f"the default of {setting.name} is another one"
        )


def test_every_preset_is_documented_as_it_is() -> None:
    text = (ROOT / "docs" / "model.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([^|]*) \| (\d+) \|", text, re.MULTILINE)
    shown = {name: (members, int(folds)) for name, members, folds in rows}
    assert shown == {name: (", ".join(p.members), p.tuned_copies) for name, p in PRESETS.items()}


def test_every_kind_of_rule_is_documented_with_an_example() -> None:
    text = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (`[^|]*`) \|", text, re.MULTILINE))
    assert set(rows) == set(KINDS)
    for kind, shown in rows.items():
        settings = {**yaml.safe_load("{" + ", ".join(re.findall(r"`([^`]*)`", shown)) + "}")}
        rule_from({"id": "r", "kind": kind, **settings})


@pytest.mark.slow
def test_every_part_of_a_bundle_is_documented(tmp_path: Path) -> None:
    mugs = pd.DataFrame(
        {"title": [f"{color} mug" for color in ("red", "blue")] * 40, "price": [5.0, 9.0] * 40}
    )
    folder = pricelm.PriceModel(preset="fast").fit(mugs).save(tmp_path / "model")
    text = (ROOT / "docs" / "bundle.md").read_text(encoding="utf-8")
    parts = [
        f"{part.name}/" if part.is_dir() else part.name for part in folder.iterdir() if part.name != "members"
    ]
    parts += [f"members/{part.name}/" for part in (folder / "members").iterdir()]
    assert [part for part in parts if f"`{part}`" not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_local_link_leads_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    broken = []
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists() or (anchor and anchor not in anchors_of(file)):
            broken.append(target)
    assert broken == []


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = [str(page.relative_to(ROOT / "docs")) for page in PAGES if page.is_relative_to(ROOT / "docs")]
    assert [page for page in pages if page not in navigation] == []


def test_the_site_loads_nothing_from_elsewhere() -> None:
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert "font: false" in settings
    assert "://" not in settings
