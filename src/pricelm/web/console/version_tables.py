"""What a version was measured at: before and after tuning, coverage by group, two versions side by side."""

from __future__ import annotations

from collections.abc import Sequence

from nicegui import ui

from pricelm.evaluation.result import BLEND
from pricelm.services.model_registry import ChangeRecord
from pricelm.services.version_facts import MEASURES, Interval, VersionFacts, compare_measure
from pricelm.web.console.formats import moment, whole
from pricelm.web.console.states import heading, paragraph
from pricelm.web.console.tables import table
from pricelm.web.console.visitor import Visitor
from pricelm.web.console.words import Words

_SHARES = ("mdape", "coverage")
_TO = "\N{NO-BREAK SPACE}…\N{NO-BREAK SPACE}"
_UNKNOWN = "–"
_FINGERPRINT = 12


def interval_text(measure: str, value: Interval | None) -> str:
    """Return a measure with its interval, which stays on one line where there is little room.

    Examples
    --------
    >>> interval_text("mdape", (0.25, 0.2, 0.31)).replace("\N{NO-BREAK SPACE}", "_")
    '25.0% (20.0_…_31.0)'
    >>> interval_text("rmsle", None)
    '–'
    """
    if value is None:
        return _UNKNOWN
    if measure in _SHARES:
        return f"{value[0]:.1%} ({value[1] * 100:.1f}{_TO}{value[2] * 100:.1f})"
    places = 2 if measure == "mae" else 3
    # adding nothing turns -0.0 into 0.0
    middle, lower, upper = (f"{round(one, places) + 0.0:,.{places}f}" for one in value)
    return f"{middle} ({lower}{_TO}{upper})"


def show_version(visitor: Visitor, one: VersionFacts) -> None:
    """Build what a version was measured at."""
    words = visitor.words
    if not one.metrics:
        paragraph(words("models.not_measured")).classes("soft")
        return
    _tuning(one, words)
    heads = [words("models.predictor"), *(words(f"measure.{name}") for name in MEASURES)]
    rows = [
        [words.or_as_it_is(f"predictor.{predictor.replace(' ', '_')}", predictor)]
        + [interval_text(name, values.get(name)) for name in MEASURES]
        for predictor, values in one.metrics.items()
    ]
    table(heads, rows, words("models.measured"), numbers=range(1, 1 + len(MEASURES)))
    paragraph(words("models.measured.text", rows=whole(one.tested, words))).classes("soft")
    if one.coverage is not None:
        heading(words("measure.coverage"), 3)
        _bar(words("models.all"), one.coverage, one.confidence_level, words)
        key = "models.coverage.kept" if one.keeps_its_promise else "models.coverage.below"
        paragraph(words(key, level=f"{one.confidence_level:.0%}")).classes(
            "soft" if one.keeps_its_promise else "warn"
        )
        # one group of everything would say the same again
        for part in one.slices if len(one.slices) > 1 else ():
            name = words("models.slice", group=_group(part.group, words), rows=whole(part.rows, words))
            _bar(name, (part.coverage, part.lower, part.upper), one.confidence_level, words)


def _tuning(one: VersionFacts, words: Words) -> None:
    """Say in one sentence what tuning brought."""
    if one.tuning is None:
        paragraph(words("models.no_language")).classes("soft")
        return
    before, after = (values.get("rmsle") for values in one.tuning)
    if before is None or after is None:
        return
    verdict = compare_measure("rmsle", after, before)
    values = {
        "before": interval_text("rmsle", before),
        "after": interval_text("rmsle", after),
        "blend": interval_text("rmsle", one.metrics[BLEND].get("rmsle"))
        if BLEND in one.metrics
        else _UNKNOWN,
    }
    paragraph(words(f"models.tuning.{verdict}", **values)).classes("why")


def _bar(name: str, value: Interval, promised: float, words: Words) -> None:
    """Draw a share with its interval and what was promised."""
    text = interval_text("coverage", value)
    with ui.element("div").classes("full").style("gap: 2px"):
        with ui.row().style("justify-content: space-between; width: 100%"):
            ui.label(name)
            ui.label(text).style("font-variant-numeric: tabular-nums")
        title = words("models.coverage.bar", name=name, value=text, level=f"{promised:.0%}")
        track = ui.element("div").props(f'role="img" aria-label="{_quoted(title)}"')
        with track.style(
            "position: relative; height: 10px; border-radius: 5px; background: var(--line); width: 100%"
        ):
            lower, upper = max(0.0, value[1]), min(1.0, value[2])
            ui.element("div").style(
                f"position: absolute; left: 0; width: {value[0]:.2%}; top: 0; bottom: 0; border-radius: 5px; "
                "background: var(--accent)"
            )
            ui.element("div").style(
                f"position: absolute; left: {lower:.2%}; width: {upper - lower:.2%}; top: 3px; height: 4px; "
                "background: var(--ink); opacity: .55"
            )
            ui.element("div").style(
                f"position: absolute; left: {promised:.2%}; width: 2px; top: -4px; bottom: -4px; "
                "background: var(--ink)"
            )


def show_comparison(
    visitor: Visitor, one: VersionFacts, other: VersionFacts, changes: Sequence[ChangeRecord]
) -> None:
    """Build two versions side by side: error, coverage, data, and what made them."""
    words = visitor.words
    pair = (one, other)
    head = ["", *(f"{words('models.head.version')} {each.version.version}" for each in pair)]
    rows = [[words("models.head.state"), *(_state(each, words) for each in pair)]]
    rows += [[words("models.head.created"), *(moment(each.version.created, words) for each in pair)]]
    rows += [[words("models.head.actor"), *(_maker(each, changes) for each in pair)]]
    rows += [[words("models.made_by"), *(_made(each, words) for each in pair)]]
    rows += [[words("models.learned"), *(_count(each.learned, words) for each in pair)]]
    rows += [[words("models.labels"), *(_count(each.labels, words) for each in pair)]]
    rows += [[words("models.data"), *((each.data or _UNKNOWN)[:_FINGERPRINT] for each in pair)]]
    for name in MEASURES:
        row = [words(f"measure.{name}"), *(interval_text(name, each.of_blend(name)) for each in pair)]
        rows.append(row)
    rows.append([words("measure.coverage"), *(interval_text("coverage", each.coverage) for each in pair)])
    rows.append([words("models.tested"), *(_count(each.tested, words) for each in pair)])
    table(head, rows, words("models.compare"))
    if one is other:
        return
    values = one.of_blend("rmsle"), other.of_blend("rmsle")
    if values[0] and values[1]:
        verdict = compare_measure("rmsle", values[0], values[1])
        numbers = {"one": one.version.version, "other": other.version.version}
        paragraph(words(f"models.compare.{verdict}", **numbers)).classes("why")
    if one.data != other.data:
        paragraph(words("models.compare.data")).classes("soft")


def _state(one: VersionFacts, words: Words) -> str:
    return words.or_as_it_is(f"model.{one.version.state}", one.version.state)


def _maker(one: VersionFacts, changes: Sequence[ChangeRecord]) -> str:
    number = one.version.version
    return next((c.actor for c in changes if c.version == number and c.action == "register"), _UNKNOWN)


def _made(one: VersionFacts, words: Words) -> str:
    preset = words.or_as_it_is(f"preset.{one.preset}", one.preset or _UNKNOWN)
    return f"{preset}: {', '.join(one.members)}" if one.members else preset


def _count(value: int, words: Words) -> str:
    return whole(value, words) if value else _UNKNOWN


def _group(group: str, words: Words) -> str:
    return words("models.rest") if group.startswith("(all") else group


def _quoted(text: str) -> str:
    return text.replace('"', "'")
