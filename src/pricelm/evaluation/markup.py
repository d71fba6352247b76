"""HTML and SVG elements that cannot be built unescaped.

Every text that goes into an element is escaped unless it is an element itself. What a
shop wrote into a title can therefore never become markup, whoever composes the page.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import TypeAlias

_VOID = frozenset({"br", "hr", "meta"})
# controls that HTML forbids, and lone surrogates, which no encoding can write
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


class Markup(str):
    """Text that is HTML already; made by :func:`element` only."""

    __slots__ = ()


Node: TypeAlias = "str | Markup | Iterable[Node] | None"


def element(tag: str, *children: Node, **attributes: object) -> Markup:
    """Build one element.

    Parameters
    ----------
    tag : str
        Name of the element.
    *children : str, Markup, None or iterables of these
        Content; plain strings are escaped, ``None`` is nothing.
    **attributes : object
        Attributes; a trailing underscore is dropped and the others become hyphens, so that
        ``class_`` and ``stroke_width`` work. ``None`` and ``False`` leave an attribute out,
        ``True`` writes it without a value.

    Returns
    -------
    Markup
        The element as text.

    Examples
    --------
    >>> print(element("p", "1 < 2 ", element("b", "&"), class_="note"))
    <p class="note">1 &lt; 2 <b>&amp;</b></p>
    """
    opening = tag + "".join(_attribute(name, value) for name, value in attributes.items())
    if tag in _VOID:
        return Markup(f"<{opening}>")
    return Markup(f"<{opening}>{fragment(*children)}</{tag}>")


def fragment(*children: Node) -> Markup:
    """Join nodes without an element around them.

    Examples
    --------
    >>> print(fragment("a", [element("br"), None], "<b>"))
    a<br>&lt;b&gt;
    """
    return Markup("".join(_render(child) for child in children))


def user_text(text: str, **attributes: object) -> Markup:
    """Wrap text of a stranger so that its writing direction cannot reorder the page.

    Examples
    --------
    >>> print(user_text("<script>"))
    <bdi>&lt;script&gt;</bdi>
    """
    return element("bdi", text, **attributes)


def _render(node: Node) -> str:
    if node is None:
        return ""
    if isinstance(node, Markup):
        return node
    if isinstance(node, str):
        return html.escape(_UNPRINTABLE.sub("", node))
    return "".join(_render(child) for child in node)


def _attribute(name: str, value: object) -> str:
    if value is None or value is False:
        return ""
    label = name.rstrip("_").replace("_", "-")
    if value is True:
        return f" {label}"
    text = f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    return f' {label}="{_render(str(text))}"'
