"""The chapters of the demo's story that look ahead: what will sell, and how a policy would fare."""

from __future__ import annotations

from pricelm.core.errors import MissingExtraError
from pricelm.core.protocols import Progress
from pricelm.decisions.dynamic import MarketConfig, RehearsalConfig
from pricelm.decisions.forecasting import ForecastConfig
from pricelm.services.forecasting import ForecastRequest, forecast_sales
from pricelm.services.simulating import SimulateRequest, simulate_policies
from pricelm.services.story_chapters import Chapter, Scene, command_line

_WEEKS = 8
_SHOWN = 4
_POLICIES = ("hold", "rule-based", "thompson")
_MARKETS = ("stationary", "drift")
_DAYS, _REPLICATIONS, _PRODUCTS = 365, 10, 2


def forecast_chapter(scene: Scene, progress: Progress) -> Chapter:
    """Say what will sell in the coming weeks at the new prices."""
    words = ["forecast", scene.file("sales.csv"), "--demand", scene.file("demand.json"), "--prices"]
    words += [scene.file("prices.csv"), "--horizon", _WEEKS, "--out", scene.file("forecast.csv")]
    words += ["--report", scene.file("forecast.html")]
    request = ForecastRequest(
        scene.file("sales.csv"),
        scene.file("forecast.csv"),
        demand=scene.file("demand.json"),
        prices=scene.file("prices.csv"),
        report=scene.file("forecast.html"),
        config=ForecastConfig(horizon=_WEEKS),
    )
    title, line = "The coming weeks are forecast", command_line(words)
    try:
        made = forecast_sales(request, progress).forecast
    except MissingExtraError as error:
        return Chapter("forecast", title, line, [f"Left out: {error}"])
    known = sorted((one for one in made.series if one.level == "product"), key=lambda one: -sum(one.units))
    rows = [["product", "store", "price", "week 1", "90% interval", f"{_WEEKS} weeks"]]
    for one in known[:_SHOWN]:
        between = f"{one.low[0]:,.0f} to {one.high[0]:,.0f}"
        numbers = [f"{one.price[0]:,.2f}", f"{one.units[0]:,.0f}", between, f"{sum(one.units):,.0f}"]
        rows.append([one.sku, one.store, *numbers])
    errors = [facts["past_error"] for facts in made.members["products"].values()]
    worst = max((error for error in errors if error is not None), default=None)
    missed = "" if worst is None else f" On weeks that were held back they missed {worst:.0%} of the units."
    said = [
        f"{len(known)} series of a product in a store, at the new prices: expected units with intervals, "
        f"from several methods weighted by what they got right before.{missed}"
    ]
    return Chapter("forecast", title, line, said, rows, "forecast.html")


def simulate_chapter(scene: Scene, progress: Progress) -> Chapter:
    """Rehearse policies that learn as they sell, before one of them is let loose."""
    words: list[object] = ["simulate", "matrix", "--sales", scene.file("sales.csv")]
    words += ["--products", _PRODUCTS, "--replications", _REPLICATIONS, "--days", _DAYS]
    words += [word for name in _POLICIES for word in ("--policy", name)]
    words += [word for name in _MARKETS for word in ("--market", name)]
    words += ["--out", scene.file("policies.json")]
    request = SimulateRequest(
        _POLICIES,
        _MARKETS,
        sales=scene.file("sales.csv"),
        products=_PRODUCTS,
        out=scene.file("policies.json"),
        rehearsal=RehearsalConfig(_REPLICATIONS, MarketConfig(_DAYS)),
    )
    matrix = simulate_policies(request, progress).matrix
    rows = [["policy", "steady market", "drifting market", "moves a week"]]
    for policy in _POLICIES:
        cells = [matrix.cell(policy, market) for market in _MARKETS]
        moves = sum(cell.moves_a_week for cell in cells) / len(cells)
        rows.append([policy, *(f"{cell.regret:.1%}" for cell in cells), f"{moves:.1f}"])
    said = [
        "What pricing policies would lose, in a market like this shop's, against the best fixed price, "
        "which is known only with hindsight; minus means that more was earned. thompson learns demand while "
        "it sells."
    ]
    return Chapter(
        "simulate", "Policies are rehearsed before they are let loose", command_line(words), said, rows
    )
