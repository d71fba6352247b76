"""HTML of what is only read: whatever the texts are, they stay texts."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("nicegui")
from pricelm.web.console.markup import around, definitions, element, figure_list, icon

# what a browser makes other characters of, or none
TEXTS = st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\x00"), min_size=1)


class Reader(HTMLParser):
    """Collects what a browser would see."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.said.append(data)


@given(text=TEXTS, label=TEXTS)
def test_a_text_and_an_attribute_stay_what_they_are(text: str, label: str) -> None:
    seen = Reader(element("td", text, aria_label=label, class_="number"))
    assert seen.tags == [("td", {"aria-label": label, "class": "number"})]
    assert "".join(seen.said) == text


@given(name=TEXTS, value=TEXTS, hint=TEXTS)
def test_lists_hold_nothing_but_their_own_elements(name: str, value: str, hint: str) -> None:
    seen = Reader(definitions([(name, value)], aria_live="polite"))
    assert [tag for tag, _ in seen.tags] == ["dl", "div", "dt", "dd"]
    assert "".join(seen.said) == name + value
    seen = Reader(figure_list([(name, value, hint), (name, value, "")]))
    assert [tag for tag, _ in seen.tags] == [
        "dl",
        *["div", "dt", "dd", "div", "div"],
        "div",
        "dt",
        "dd",
        "div",
    ]
    assert "".join(seen.said) == name + value + hint + name + value


def test_an_icon_without_a_label_is_hidden_from_who_cannot_see_it() -> None:
    assert Reader(icon("check")).tags[0][1]["aria-hidden"] == "true"
    labeled = Reader(icon("check", '"kept"')).tags[0][1]
    assert labeled["aria-label"] == '"kept"' and labeled["role"] == "img" and "aria-hidden" not in labeled


def test_what_is_empty_is_left_out() -> None:
    assert around("a", "x", class_="", aria_current="") == "<a>x</a>"
