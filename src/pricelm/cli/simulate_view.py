"""What `pricelm simulate` shows."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pricelm.cli.tables import places_view
from pricelm.core.errors import ConfigError
from pricelm.decisions.dynamic.off_policy import OffPolicyResult
from pricelm.decisions.dynamic.price_tests import TrialNoise, TrialPower
from pricelm.decisions.dynamic.regret import MOST_LOSS, Cell
from pricelm.services.simulating import SimulateResult

_SHORT = {"stationary": "steady", "strategic": "waiting", "competitor": "rival"}
_FEW = 5


def matrix_view(result: SimulateResult) -> RenderableType:
    """Draw the matrix of regret, with what it says below."""
    matrix = result.matrix
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("policy", no_wrap=True)
    # all nine fit beside each other in a hundred columns only by short names
    short = _SHORT if len(matrix.markets) > _FEW else {}
    for market in matrix.markets:
        table.add_column(short.get(market, market), justify="right", no_wrap=True)
    table.add_column("moves", justify="right", no_wrap=True)
    for policy in matrix.policies:
        cells = [matrix.cell(policy, market) for market in matrix.markets]
        moves = sum(one.moves_a_week for one in cells) / len(cells)
        table.add_row(policy, *(_regret(one) for one in cells), Text(f"{moves:.1f}", style="dim"))
    products = len(result.shop.facts)
    title = Text.assemble(
        ("Profit lost against the best fixed price ", "bold"),
        (
            f"({matrix.days} days, {matrix.replications} markets of each kind, {products} "
            f"product{'s' if products > 1 else ''})",
            "dim",
        ),
    )
    note = Text(
        "The best fixed price is known only with hindsight. Minus: more was earned than with it. moves: "
        "price "
        "changes of a product a week.",
        style="dim",
    )
    lines = [Text(one) for one in result.verdicts]
    lines += [Text(one, style="yellow") for one in result.warnings]
    places = {"matrix": result.out, "log": result.log}
    shown: list[RenderableType] = [Text(), title, Text(), table, Text(), note, Text(), *lines]
    if any(places.values()):
        shown += [Text(), places_view(places)]
    return Group(*shown)


def _regret(cell: Cell) -> Text:
    style = "green" if cell.high < 0 else "" if cell.regret <= MOST_LOSS else "red"
    return Text(f"{100 * cell.regret:.1f} %", style=style)


def design_view(found: TrialPower, noise: TrialNoise, simulated: float) -> RenderableType:
    """Draw a design: what to do, what it sees, and how that was checked."""
    plan = found.plan
    if plan.design == "switchback":
        how = (
            f"{plan.units_of_test} blocks of {plan.block_days} days, half of them at each price, in "
            f"random order; the "
            f"first {plan.washout_days} of a block do not count"
        )
    else:
        how = f"{plan.units_of_test} clusters, half of them at each price, drawn at random"
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    grid.add_row("design", Text.assemble((plan.design, "bold"), f"  {how}"))
    grid.add_row("length", f"{plan.days} days")
    grid.add_row(
        "power", f"{found.power:.0%} to find {found.effect:+.1%}; {simulated:.0%} in 1,000 simulated tests"
    )
    grid.add_row("sees", f"{found.detectable:+.1%} four times out of five")
    spread = f"daily {noise.daily:.3f}, autocorrelation {noise.autocorrelation:.2f}"
    if plan.design == "cluster":
        spread += f", between clusters {noise.between:.3f}"
    grid.add_row("noise", f"{spread} (in log units)")
    return Group(Text(), grid)


def off_policy_view(result: OffPolicyResult, level: float) -> RenderableType:
    """Draw what a policy would earn."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("profit a day and product")
    table.add_column("estimate", justify="right")
    table.add_column(f"{level:.0%} interval", justify="right")
    rows = [
        ("logged policy, as it was", result.logged),
        ("new policy, doubly robust", result.doubly_robust),
        ("new policy, self-normalized", result.snips),
        ("new policy, weighted (IPS)", result.ips),
    ]
    for name, value in rows:
        style = "bold" if value is result.doubly_robust else ""
        table.add_row(name, f"{value.estimate:,.2f}", f"{value.low:,.2f} to {value.high:,.2f}", style=style)
    rests = Text(
        f"{result.decisions:,} decisions with a choice, worth {result.effective_decisions:,.0f} after "
        f"weighting; "
        f"{result.forced:,} days without a choice left aside. Weights: mean "
        f"{result.mean_weight:.2f} (1 is right), largest {result.largest_weight:.1f}.",
        style="dim",
    )
    return Group(Text(), table, Text(), rests)


def target_prices(pairs: Sequence[str]) -> dict[str, float]:
    """Read ``[SKU=]PRICE``; a price alone is for all other products.

    Raises
    ------
    ConfigError
        If it is no price above zero, or a product comes twice.

    Examples
    --------
    >>> target_prices(["9.99", "tea=4.5"])
    {'': 9.99, 'tea': 4.5}
    """
    found: dict[str, float] = {}
    for pair in pairs:
        sku, _, text = pair.rpartition("=")
        try:
            price = float(text)
        except ValueError:
            price = float("nan")
        if not 0 < price < float("inf"):
            raise ConfigError(f"expected --price PRICE or SKU=PRICE, for example tea=4.50, got {pair!r}")
        if sku in found:
            raise ConfigError(f"expected one price for {sku or 'all products'!r}, got another: {pair!r}")
        found[sku] = price
    return found
