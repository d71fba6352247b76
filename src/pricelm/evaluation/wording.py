"""Numbers and metric names as people read them, in tables and in the report."""

from __future__ import annotations

import math

from pricelm.evaluation.bootstrap import Estimate

METRIC_LABELS = {
    "mse": "MSE",
    "rmse": "RMSE",
    "mae": "MAE",
    "mape": "MAPE",
    "mdape": "MdAPE",
    "wape": "WAPE",
    "rmsle": "RMSLE",
    "r2": "R2",
    "r2_log": "R2 (log price)",
    "band_accuracy": "Band accuracy",
}
METRIC_MEANINGS = {
    "mae": "mean miss in money",
    "mdape": "half of the prices are nearer than this",
    "rmsle": "typical miss of the log price",
    "r2_log": "share of relative price differences explained",
}
NOTHING = "–"
_SHARES = frozenset({"mape", "mdape", "wape", "band_accuracy"})
_MONEY = frozenset({"mae", "rmse"})
_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "CNY": "¥", "JPY": "¥", "INR": "₹", "KRW": "₩"}


def price_text(value: float, currency: str = "") -> str:
    """Write a price: cents below 1,000, whole units from there on.

    Parameters
    ----------
    value : float
        Amount; NaN and infinities become a dash.
    currency : str, default ""
        ISO 4217 code; the common ones are written as their symbol.

    Examples
    --------
    >>> price_text(12.3, "USD"), price_text(-1234.6, "EUR"), price_text(float("nan"))
    ('$12.30', '−€1,235', '–')
    """
    if not math.isfinite(value):
        return NOTHING
    amount = f"{abs(value):,.2f}" if abs(value) < 1000 else f"{abs(value):,.0f}"
    unit = _SYMBOLS.get(currency, f"{currency}\N{NO-BREAK SPACE}" if currency else "")
    return f"{'−' if value < 0 else ''}{unit}{amount}"


def signed_price_text(value: float, currency: str = "") -> str:
    """Write a change of price with its sign.

    Examples
    --------
    >>> signed_price_text(2.5, "EUR"), signed_price_text(-2.5, "EUR")
    ('+€2.50', '−€2.50')
    """
    return ("+" if value > 0 else "") + price_text(value, currency)


def percent_text(share: float, digits: int = 1) -> str:
    """Write a share as a percentage.

    Examples
    --------
    >>> percent_text(0.184), percent_text(0.9, digits=0)
    ('18.4%', '90%')
    """
    return f"{100 * share:.{digits}f}%".replace("-", "−") if math.isfinite(share) else NOTHING


def metric_text(metric: str, value: float, currency: str = "") -> str:
    """Write the value of a metric in its own unit.

    Examples
    --------
    >>> metric_text("mdape", 0.184), metric_text("rmsle", 0.4123), metric_text("mae", 3.1, "USD")
    ('18.4%', '0.412', '$3.10')
    """
    if metric in _SHARES:
        return percent_text(value)
    if metric in _MONEY:
        return price_text(value, currency)
    return f"{value:,.3f}".replace("-", "−") if math.isfinite(value) else NOTHING


def estimate_text(metric: str, estimate: Estimate, currency: str = "") -> str:
    """Write a metric with its confidence interval.

    Examples
    --------
    >>> estimate_text("mdape", Estimate(0.184, 0.171, 0.196))
    '18.4% (17.1% to 19.6%)'
    """
    value = metric_text(metric, estimate.value, currency)
    if not (math.isfinite(estimate.lower) and math.isfinite(estimate.upper)):
        return value
    lower = metric_text(metric, estimate.lower, currency)
    return f"{value} ({lower} to {metric_text(metric, estimate.upper, currency)})"
