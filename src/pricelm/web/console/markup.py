"""Parts of a page that are only read, as HTML of one element each.

The framework keeps an object with its own state for every element, which costs a server for fifty people more
than everything else on a page; what nobody clicks does not need any. Whatever is shown is escaped here.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from nicegui import ui


def written(html: str, tag: str = "div") -> ui.html:
    """Return an element that shows HTML made by the functions below, which escape all texts."""
    return ui.html(html, sanitize=False, tag=tag)


def element(tag: str, text: str, **attributes: str) -> str:
    """Return an element around a text.

    Parameters
    ----------
    tag : str
        Its name.
    text : str
        What it shows; escaped.
    **attributes : str
        Its attributes, ``_`` for ``-`` and a ``_`` behind Python's own words; empty ones are left out.

    Examples
    --------
    >>> element("td", "<b>", class_="number"), element("i", "x", class_="", aria_hidden="true")
    ('<td class="number">&lt;b&gt;</td>', '<i aria-hidden="true">x</i>')
    """
    return around(tag, escape(text), **attributes)


def around(tag: str, html: str, **attributes: str) -> str:
    """Return an element around HTML; otherwise as :func:`element`."""
    named = ((name.rstrip("_").replace("_", "-"), value) for name, value in attributes.items() if value)
    written_out = "".join(f' {name}="{escape(value)}"' for name, value in named)
    return f"<{tag}{written_out}>{html}</{tag}>"


def icon(name: str, label: str = "") -> str:
    """Return an icon of the framework's font; one without a label is hidden from who cannot see it."""
    role, hidden = ("img", "") if label else ("", "true")
    classes = "q-icon notranslate material-icons"
    return element("i", name, class_=classes, role=role, aria_label=label, aria_hidden=hidden)


def definitions(shown: Sequence[tuple[str, str]], **attributes: str) -> str:
    """Return a list of what things are.

    Examples
    --------
    >>> definitions([("Units", "7")])
    '<dl class="answer"><div><dt>Units</dt><dd>7</dd></div></dl>'
    """
    rows = (around("div", element("dt", name) + element("dd", value)) for name, value in shown)
    return around("dl", "".join(rows), class_="answer", **attributes)


def figure_list(shown: Sequence[tuple[str, str, str]]) -> str:
    """Return the figures of a page: what each is, the figure, and a hint or ``""``."""
    parts = []
    for name, value, hint in shown:
        told = element("div", value, class_="number") + (element("div", hint, class_="soft") if hint else "")
        parts.append(around("div", element("dt", name) + around("dd", told), class_="figure"))
    return around("dl", "".join(parts), class_="figures")
