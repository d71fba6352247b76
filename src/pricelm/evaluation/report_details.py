"""Sections of the report about single listings, the data and the settings."""

from __future__ import annotations

import math

from pricelm.core.nouns import WordEffect
from pricelm.evaluation.markup import Markup, Node, element, fragment, user_text
from pricelm.evaluation.report_data import DataReport, QuotedListing, ReportChapter, ReportData
from pricelm.evaluation.report_sections import section
from pricelm.evaluation.strips import effect_strip, price_strip
from pricelm.evaluation.tables import Column, data_table
from pricelm.evaluation.wording import percent_text, price_text, signed_price_text

_MAX_WORDS = 8


def quotes_section(data: ReportData) -> Markup | None:
    """Return one card for each new listing, or nothing when none was priced."""
    if not data.quotes:
        return None
    lead = (
        "Listings that the model has never seen, with the price it gives, what it is sure of, what similar "
        "listings cost, and what each word adds or takes away."
    )
    cards = element("div", [_quote_card(listing) for listing in data.quotes], class_="cards")
    return section("quotes", "New listings, priced", lead, cards)


def chapters_section(data: ReportData) -> Markup | None:
    """Return what was decided with the prices, chapter by chapter, or nothing when nothing was."""
    if not data.chapters:
        return None
    parts: list[Node] = []
    for chapter in data.chapters:
        parts += [
            element("h3", chapter.title),
            element("pre", f"$ {chapter.command}"),
            [element("p", line, class_="told") for line in chapter.said],
            element("p", element("a", "The whole page", href=chapter.page)) if chapter.page else None,
            element("div", chapter.figures, class_="figures") if chapter.figures else _told_table(chapter),
        ]
    lead = (
        "What follows from prices and sales: each command can be run as it stands, or on files of your own."
    )
    return section("chapters", "What the shop does with it", lead, element("div", parts, class_="story"))


def _told_table(chapter: ReportChapter) -> Markup | None:
    if not chapter.table:
        return None
    head, *lines = chapter.table
    return data_table(chapter.title, [Column(name) for name in head], lines)


def data_section(data: DataReport | None) -> Markup | None:
    """Return what was read, rejected, left out and split."""
    if data is None:
        return None
    share = percent_text(data.rows_kept / data.rows_read) if data.rows_read else percent_text(0.0)
    lead = f"{data.rows_read:,} rows read, {data.rows_kept:,} used ({share})."
    number = Column("Listings", "number")
    splits = [[name, f"{rows:,}"] for name, rows in data.splits.items()]
    rejected = [[user_text(reason), f"{rows:,}"] for reason, rows in data.rejected.items()]
    left = [
        data_table("Splits; near-duplicates stay together", [Column("Split"), number], splits)
        if splits
        else None,
        data_table("Rejected rows", [Column("Reason"), number], rejected)
        if rejected
        else element("p", "No row was rejected.", class_="empty"),
        _warnings(data),
    ]
    leaks = data_table(
        "Left out because they give the price away",
        [Column("Column"), Column("Kind"), Column("Evidence")],
        [[user_text(cell) for cell in leak] for leak in data.leaks],
        class_="roles",
    )
    right = [
        data_table(
            "Columns and what they are used for",
            [Column("Role"), Column("Column"), Column("Why")],
            [[role, user_text(column), user_text(why)] for role, column, why in data.columns],
            class_="roles",
        )
        if data.columns
        else None,
        leaks if data.leaks else element("p", "No column gives the price away.", class_="empty"),
    ]
    return section(
        "data",
        "What went in",
        lead,
        element("div", element("div", left), element("div", right), class_="pair"),
    )


def settings_section(data: ReportData) -> Markup | None:
    """Return options and library versions, so that the run can be repeated."""
    tables = [
        data_table(
            title, [Column("Name"), Column("Value")], [[name, user_text(str(value))] for name, value in rows]
        )
        for title, rows in (("Settings", data.settings.items()), ("Versions", data.versions.items()))
        if rows
    ]
    if not tables:
        return None
    return section("settings", "How to repeat it", None, element("div", tables, class_="pair settings"))


def _quote_card(listing: QuotedListing) -> Markup:
    quote = listing.quote
    estimate = quote.estimate
    currency, interval = estimate.currency, estimate.interval
    span = f"{price_text(interval.lower, currency)} to {price_text(interval.upper, currency)}"
    level = percent_text(interval.confidence_level, 0)
    known = math.isfinite(estimate.predicted_price) and math.isfinite(interval.upper)
    price = price_text(estimate.predicted_price, currency)
    chart = (
        price_strip(
            (interval.lower, interval.upper),
            estimate.predicted_price,
            [comparable.price for comparable in quote.comparables],
            f"{price}, {level} interval {span}; ticks are comparables",
        )
        if known
        else None
    )
    return element(
        "article",
        element("h3", user_text(listing.title)),
        element("p", user_text(listing.text), class_="text") if listing.text else None,
        element("p", price, class_="price"),
        element("p", f"{level} interval: {span}" if known else "no interval", class_="span"),
        chart,
        element("p", element("b", "For review: "), user_text(estimate.reason), class_="review")
        if estimate.abstained
        else None,
        _words(quote.word_effects, currency),
        _comparables(listing),
        _members(quote.member_prices, currency),
    )


def _words(effects: tuple[WordEffect, ...], currency: str) -> Markup | None:
    if not effects:
        return None
    strongest = sorted(effects, key=lambda effect: -abs(effect.effect))[:_MAX_WORDS]
    largest = abs(strongest[0].effect) or 1.0
    rows: list[list[Node]] = []
    for effect in strongest:
        money = signed_price_text(effect.effect, currency)
        word = fragment(user_text(effect.word), element("small", effect.field))
        rows.append([word, effect_strip(effect.effect, largest, f"{effect.word}: {money}"), money])
    columns = [Column("Word"), Column("Direction", "chart"), Column("Effect", "number")]
    return data_table("Words that moved the price", columns, rows, class_="words")


def _comparables(listing: QuotedListing) -> Markup | None:
    if not listing.quote.comparables:
        return None
    currency = listing.quote.estimate.currency
    rows = [
        [user_text(comparable.title), price_text(comparable.price, currency), f"{comparable.similarity:.2f}"]
        for comparable in listing.quote.comparables
    ]
    columns = [Column("Comparable"), Column("Price", "number"), Column("Alike", "number")]
    return data_table("Nearest listings with a known price", columns, rows, class_="comparables")


def _members(prices: dict[str, float], currency: str) -> Markup | None:
    if not prices:
        return None
    parts = [
        element("span", user_text(name), " ", element("b", price_text(price, currency)))
        for name, price in prices.items()
    ]
    return element("p", "By itself: ", parts, class_="members")


def _warnings(data: DataReport) -> Markup | None:
    if not data.warnings:
        return None
    return element(
        "div",
        element("h3", "Noticed"),
        element("ul", [element("li", user_text(warning)) for warning in data.warnings]),
    )
