"""What there is in the console and who may see it: a page is one file and one line here."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pricelm.services.service_keys import Role

_PARAMETER = re.compile(r"\{(\w+)(:path)?\}")


@dataclass(frozen=True)
class ConsolePage:
    """A page.

    Parameters
    ----------
    key : str
        Its name in the texts: ``nav.KEY``.
    path : str
        Its path below the console's, with ``{name}`` for what varies.
    role : Role
        Who may see it, and everybody above.
    icon : str
        Its picture in the menu; empty for a page that the menu leaves out.
    build : callable
        Builds it for a visitor.
    """

    key: str
    path: str
    role: Role
    icon: str
    build: Callable[[Any], Awaitable[None]]


@dataclass(frozen=True)
class ConsoleData:
    """Data that a page fetches.

    Parameters
    ----------
    path : str
        Its path below the console's.
    role : Role
        Who may have it, and everybody above.
    answer : callable
        Takes the visitor, what varies in the path, and what is asked for.
    asks : tuple of str
        Names behind the question mark that are passed on; all others are not.
    """

    path: str
    role: Role
    answer: Callable[..., Awaitable[Any]]
    asks: tuple[str, ...] = ()


def all_pages() -> tuple[ConsolePage, ...]:
    """Return the pages in the order of the menu."""
    from pricelm.web.console.pages import (
        models,
        product,
        promotions,
        quote,
        review,
        rules,
        settings,
        stock,
        today,
    )

    return (
        ConsolePage("today", "/", Role.viewer, "today", today.build),
        ConsolePage("product", "/product/{batch}/{sku:path}", Role.viewer, "", product.build),
        ConsolePage("promotions", "/promotions", Role.viewer, "campaign", promotions.build),
        ConsolePage("stock", "/stock", Role.viewer, "inventory_2", stock.build),
        ConsolePage("quote", "/quote", Role.viewer, "sell", quote.build),
        ConsolePage("models", "/models", Role.viewer, "model_training", models.build),
        ConsolePage("review", "/review", Role.analyst, "rate_review", review.build),
        ConsolePage("rules", "/rules", Role.viewer, "rule", rules.build),
        ConsolePage("settings", "/settings", Role.admin, "settings", settings.build),
    )


def all_data() -> tuple[ConsoleData, ...]:
    """Return what pages fetch."""
    from pricelm.web.console.pages import promotions, stock, today

    return (
        ConsoleData("/data/batches/{batch}", Role.viewer, today.rows),
        ConsoleData("/data/promotions.csv", Role.viewer, promotions.export, promotions.ASKS),
        ConsoleData("/data/stock", Role.viewer, stock.rows, stock.ASKS),
        ConsoleData("/data/stock.csv", Role.viewer, stock.export, (*stock.ASKS, "step")),
        ConsoleData("/data/batches/{batch}/since/{revision}", Role.viewer, today.changed_rows),
    )


class AccessList:
    """Which role a path needs; a path that is not on the list is denied to everybody.

    Parameters
    ----------
    entries : iterable of tuple
        Path and role.

    Examples
    --------
    >>> access = AccessList([("/product/{sku:path}", Role.viewer), ("/settings", Role.admin)])
    >>> access.role_for("/product/a/b").name, access.role_for("/settings").name, access.role_for("/other")
    ('viewer', 'admin', None)
    """

    def __init__(self, entries: list[tuple[str, Role]]) -> None:
        self._entries = [(re.compile(_pattern(path)), role) for path, role in entries]

    def role_for(self, path: str) -> Role | None:
        """Return the least role that may have a path, or None."""
        return next((role for pattern, role in self._entries if pattern.fullmatch(path)), None)


def access_list() -> AccessList:
    """Return who may have which page and which data."""
    entries: list[ConsolePage | ConsoleData] = [*all_pages(), *all_data()]
    return AccessList([(one.path, one.role) for one in entries])


def _pattern(path: str) -> str:
    parts, end = [], 0
    for found in _PARAMETER.finditer(path):
        parts += [re.escape(path[end : found.start()]), ".+" if found[2] else "[^/]+"]
        end = found.end()
    return "".join([*parts, re.escape(path[end:])])
