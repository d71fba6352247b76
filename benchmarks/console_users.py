"""What people do in the console, and how long each of their actions takes to be answered.

Everybody goes from page to page and pauses between actions. A time counts from the click to the update that
shows its result: a table until its rows are there, a decision until the table has the changed rows.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from benchmarks.console_client import ConsoleBrowser, ConsoleError, OpenPage, texts
from benchmarks.console_shop import PASSWORD, RULES
from pricelm.web.console.formats import amount
from pricelm.web.console.words import read_words

WORDS = read_words("en")
_DRAG_MOVES = 8
_DRAG_SECONDS = 0.05
_TYPING_SECONDS = 0.4
_CHOSEN = (1, 5)
_LEAST_EDITED = 4.0
_TITLES = ("large wooden desk", "small steel lamp", "handmade red mug", "set of 4 plastic chairs")
# how often a page is gone to, for who may see it
_CARD = (("input", WORDS("review.price")), ("btn", WORDS("review.label")))
_VISITS = {"today": 40, "product": 25, "quote": 12, "review": 8, "rules": 7, "models": 8}


@dataclass
class Clock:
    """What was measured, by action; and what went wrong."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)

    @asynccontextmanager
    async def timing(self, action: str) -> AsyncIterator[None]:
        """Measure a block; one that fails is an error and no time."""
        began = time.perf_counter()
        yield
        self.seconds.setdefault(action, []).append(time.perf_counter() - began)

    @property
    def all_seconds(self) -> list[float]:
        """Times of all actions."""
        return [one for times in self.seconds.values() for one in times]


@dataclass
class Plan:
    """The plan that people decide about; nobody decides about the same product as somebody else.

    Parameters
    ----------
    batch : int
        Its number.
    currency : str
        Of its prices.
    rows : dict of str to dict
        What it recommends by product, once somebody has loaded it.
    free : list of str
        Products that wait for a decision and that nobody has taken.
    """

    batch: int
    currency: str = "EUR"
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    free: list[str] = field(default_factory=list)

    def learn(self, body: bytes) -> None:
        """Remember the rows."""
        self.rows = {row["sku"]: row for row in json.loads(body)}
        self.free = [sku for sku, row in self.rows.items() if row["step"] == "waiting"]

    def take(self, count: int) -> list[str]:
        """Return products that nobody else gets."""
        taken, self.free = self.free[:count], self.free[count:]
        return taken


@dataclass
class Person:
    """Somebody at work.

    Parameters
    ----------
    browser : ConsoleBrowser
        Their browser.
    name, role : str
        Who they are.
    plan : Plan
        What is decided about.
    clock : Clock
        Where times go.
    think_seconds : float
        Mean pause between actions; pauses are exponential.
    random : random.Random
        Their mind.
    """

    browser: ConsoleBrowser
    name: str
    role: str
    plan: Plan
    clock: Clock
    think_seconds: float
    random: random.Random
    _revision: str = ""

    async def work(self, until: float) -> None:
        """Log in, and go from page to page until a point of the event loop's clock."""
        visits = {one: weight for one, weight in _VISITS.items() if one != "review" or self.role != "viewer"}
        try:
            await self._log_in()
            while asyncio.get_running_loop().time() < until:
                [visit] = self.random.choices(list(visits), list(visits.values()))
                try:
                    await getattr(self, f"_{visit}")()
                except ConsoleError as error:
                    self.clock.errors[f"{visit}: {error}"] += 1
                    await self._pause()
        except ConsoleError as error:
            self.clock.errors[f"log in: {error}"] += 1
        finally:
            await self.browser.close()

    async def _pause(self) -> None:
        await asyncio.sleep(self.random.expovariate(1 / self.think_seconds))

    async def _log_in(self) -> None:
        async with self.clock.timing("log in"):
            await self.browser.log_in(self.name, PASSWORD)
        async with self.clock.timing("first page with all its files"):
            await self.browser.open("/models")
        await self._pause()

    async def _do(
        self, action: str, step: Callable[[], Awaitable[tuple[int, Callable[[str, dict[str, Any]], bool]]]]
    ) -> None:
        """Take a step and wait for what answers it; then pause."""
        page = self._page
        async with self.clock.timing(action):
            since, answer = await step()
            await page.until(since, answer)
        await self._pause()

    @property
    def _page(self) -> OpenPage:
        assert self.browser.page is not None
        return self.browser.page

    async def _today(self) -> None:
        async with self.clock.timing("open Today, with all its rows"):
            page = await self.browser.open("/")
            self._revision = await self._load()
        await self._pause()

        async def search() -> tuple[int, Any]:
            box = page.one("input", WORDS("today.search"))
            word = self.random.choice(["desk", "lamp", "steel", "mug"])
            return await page.send(box, "update:", word), _runs("quickFilterText")

        async def only() -> tuple[int, Any]:
            choice = page.one("select", WORDS("today.action"))
            options = page.elements[choice]["props"]["options"]
            return await page.send(choice, "update:", self.random.choice(options[1:])), _runs(
                "setFilterModel"
            )

        for action, step in (("search", search), ("filter", only)):
            if self.random.random() < 0.5:
                await self._do(action, step)
        if self.role in ("approver", "admin"):
            await self._decide(self.random.choice(["approve", "approve", "edit", "reject"]))

    async def _load(self, revision: str = "") -> str:
        """Fetch rows as the table does: all, then what changed; return the revision that it has then."""
        path = f"/console/data/batches/{self.plan.batch}"
        while True:
            known = f"{path}/since/{revision}" if revision else path
            body, headers = await self.browser.fetch(known, unpack=not self.plan.rows)
            if not self.plan.rows:
                self.plan.learn(body)
            revision = headers["x-pricelm-revision"]
            if headers.get("x-pricelm-rows") == "changed":
                return revision

    async def _decide(self, decision: str) -> None:
        page = self._page
        skus = self.plan.take(1 if decision == "edit" else self.random.randint(*_CHOSEN))
        if not skus:
            return
        page.chosen = skus
        if decision == "edit" and self.plan.rows[skus[0]]["current"] < _LEAST_EDITED:
            decision = "approve"  # the smallest step to another ending would be too large a move

        async def choose() -> tuple[int, Any]:
            grid = page.one("aggrid")
            said = WORDS("today.chosen", count=len(skus))
            return await page.send(grid, "selectionChanged", len(skus)), _shows(said)

        await self._do("choose rows", choose)
        if decision != "approve":
            await self._explain(decision)
        async with self.clock.timing(f"{decision}, until the table shows it"):
            name = WORDS("approve") if decision == "approve" else WORDS("save")
            since = await page.send(page.one("btn", name), "click", {})
            await page.until(since, _runs("pricelmLoad"))
            self._revision = await self._load(self._revision)
        page.chosen = []
        await self._pause()

    async def _explain(self, decision: str) -> None:
        page = self._page

        async def ask() -> tuple[int, Any]:
            button = page.one("btn", WORDS(decision))
            return await page.send(button, "click", {}), _brings("dialog")

        await self._do(f"dialog of {decision}", ask)
        if decision == "edit":
            field = page.one("input", WORDS("column.price"))
            await page.send(field, "update:", round(self.plan.rows[page.chosen[0]]["current"] + 0.5, 2))

    async def _product(self) -> None:
        if not self.plan.rows:
            return
        sku = self.random.choice(list(self.plan.rows))
        async with self.clock.timing("open Product"):
            page = await self.browser.open(f"/product/{self.plan.batch}/{sku}")
        await self._pause()
        slider = page.one("slider")
        ends = page.elements[slider]["props"]
        price, shown = 0.0, ""

        def other() -> float:
            """Draw a price that reads differently: one that looks the same is answered by nothing."""
            nonlocal price, shown
            before = shown
            while shown == before:
                price = round(self.random.uniform(ends["min"], ends["max"]), 2)
                shown = amount(price, self.plan.currency, WORDS)
            return price

        async def drag() -> None:
            for _ in range(_DRAG_MOVES - 1):
                await page.send(slider, "update:", other())
                await asyncio.sleep(_DRAG_SECONDS)

        async def move() -> tuple[int, Any]:
            return await page.send(slider, "update:", other()), _shows(shown)

        for _ in range(self.random.randint(1, 3)):
            await drag()
            await self._do("what-if slider", move)

    async def _quote(self) -> None:
        async with self.clock.timing("open Quote"):
            page = await self.browser.open("/quote")
        await self._pause()
        words = self.random.choice(_TITLES).split()
        box = page.one("input", WORDS("field.title"))
        for count in range(1, len(words)):
            typed = " ".join([*words[:count], str(self.random.randint(100, 999))])
            async with self.clock.timing("price of a text"):
                since = await page.send(box, "update:", typed)
                await page.until(since, _has_class("large"))
            await asyncio.sleep(_TYPING_SECONDS)
        await self._pause()

    async def _models(self) -> None:
        async with self.clock.timing("open Models"):
            await self.browser.open("/models")
        await self._pause()

    async def _rules(self) -> None:
        async with self.clock.timing("open Rules"):
            page = await self.browser.open("/rules")
        await self._pause()
        if self.role == "viewer":
            return
        rules = RULES.replace("0.25", f"0.{self.random.randint(10, 40)}")
        await page.send(page.one("input", WORDS("rules.yaml")), "update:", rules)

        async def preview() -> tuple[int, Any]:
            button = page.one("btn", WORDS("rules.preview"))
            return await page.send(button, "click", {}), _shows(WORDS("rules.count", count=3))

        await self._do("rules preview", preview)

    async def _review(self) -> None:
        async with self.clock.timing("open Review"):
            page = await self.browser.open("/review")
        await self._pause()
        # people look at different cards, and each at their own
        cards = list(zip(*(page.find(*one) for one in _CARD), strict=True))
        if not cards:
            return
        price, button = self.random.choice(cards)
        await page.send(price, "update:", 42)

        async def keep() -> tuple[int, Any]:
            return await page.send(button, "click", {}), _takes_away(button)

        await self._do("review label", keep)


def _runs(part: str) -> Callable[[str, dict[str, Any]], bool]:
    return lambda event, told: event == "run_javascript" and part in told["code"]


def _shows(text: str) -> Callable[[str, dict[str, Any]], bool]:
    return lambda event, told: event == "update" and text in texts(told)


def _elements(told: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for number, one in told.items() if number != "_id" and one is not None]


def _brings(tag: str, label: str = "") -> Callable[[str, dict[str, Any]], bool]:
    return lambda event, told: (
        event == "update"
        and any(
            tag in one["tag"] and label in ("", one.get("props", {}).get("label")) for one in _elements(told)
        )
    )


def _takes_away(element: int) -> Callable[[str, dict[str, Any]], bool]:
    # or somebody else was faster, and the page says so
    return lambda event, told: (
        event == "notify" or (event == "update" and told.get(str(element), element) is None)
    )


def _has_class(name: str) -> Callable[[str, dict[str, Any]], bool]:
    return lambda event, told: (
        event == "update" and any(name in one.get("class", []) for one in _elements(told))
    )
