"""The console says everything in every language, and nothing that is not in the catalogues."""

from __future__ import annotations

import ast
import json
import re
import string
from pathlib import Path

import pytest

import pricelm
from pricelm.services.console_users import LANGUAGES

FOLDER = Path(pricelm.__file__).parent / "web" / "console"
CATALOGUES = {one: json.loads((FOLDER / "texts" / f"{one}.json").read_text("utf-8")) for one in LANGUAGES}
SHOWING = {
    "label", "button", "heading", "paragraph", "problem", "nothing", "notify", "tooltip", "menu_item", "link",
    "input", "textarea", "number", "select", "radio", "warn", "tell", "set_text", "TextElement",
}  # fmt: skip
FILES = sorted(FOLDER.rglob("*.py"))


def test_all_languages_have_the_same_texts_with_the_same_values() -> None:
    english = CATALOGUES["en"]
    for texts in CATALOGUES.values():
        assert list(texts) == list(english)
        for key, text in texts.items():
            fields = {name for _, name, _, _ in string.Formatter().parse(text) if name}
            assert fields == {name for _, name, _, _ in string.Formatter().parse(english[key]) if name}, key
            assert text.strip()


@pytest.mark.parametrize("file", FILES, ids=lambda one: one.stem)
def test_no_page_holds_a_bare_text(file: Path) -> None:
    bare = []
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        shown = [*node.args, *(k.value for k in node.keywords if k.arg in ("text", "label"))]
        if name in SHOWING:
            bare += [
                one.value
                for one in shown
                if isinstance(one, ast.Constant)
                and isinstance(one.value, str)
                and re.search(r"[A-Z一-鿿]| ", one.value)
            ]
    assert bare == []


def test_every_key_that_a_page_asks_for_is_there_and_the_other_way_round() -> None:
    source = "\n".join(one.read_text("utf-8") for one in FILES)
    asked = set(re.findall(r'words\(\s*"([a-z_.]+)"', source)) - {*LANGUAGES}
    assert asked - set(CATALOGUES["en"]) == set()
    mentioned = set(re.findall(r'"([a-z_.]+)"', source))
    made = {match.split("{")[0] for match in re.findall(r'f"([a-z_.]+\{[^"]*)"', source)}
    unused = [
        key
        for key in CATALOGUES["en"]
        if key not in mentioned and not any(key.startswith(start) for start in made if start)
    ]
    assert unused == []
