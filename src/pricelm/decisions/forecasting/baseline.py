"""The baseline: demand at the regular price, of products and categories that agree with each other."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pricelm.decisions.forecasting.history import Learned, actual_units
from pricelm.decisions.forecasting.intervals import dispersion
from pricelm.decisions.forecasting.members import Histories
from pricelm.decisions.forecasting.prices import PriceResponse, factors
from pricelm.decisions.forecasting.reconciliation import measured_variances, reconcile, sum_by
from pricelm.decisions.forecasting.series import SeriesTable


class Base:
    """Demand at the regular price, of products with enough past and of their categories."""

    def __init__(self, table: SeriesTable, responses: Mapping[str, PriceResponse], old: np.ndarray) -> None:
        self.table, self.old = table, old
        self.responses = [responses[str(sku)] for sku in table.keys["sku"]]
        self.elasticity = np.array([one.elasticity for one in self.responses])
        self.factor = factors(table.prices, table.reference, self.elasticity)
        self.demand = table.filled / self.factor
        names = table.keys["category"].astype(str).to_numpy()
        self.names, self.group = np.unique(names[old], return_inverse=True)
        self.sums = sum_by(self.demand[old], self.group, len(self.names))
        begun = np.maximum.accumulate(self.sums > 0, axis=1)
        self.totals = np.where(begun, self.sums, np.nan)

    def bottom(self) -> Histories:
        """Return the series with enough past."""
        keys = self.table.keys.loc[self.old]
        numbers = pd.DataFrame({"sku": pd.factorize(keys["sku"])[0], "category": self.group})
        return Histories(self.demand[self.old], self.table.known[self.old], numbers)

    def top(self) -> Histories:
        """Return the sums of their categories."""
        numbers = pd.DataFrame({"sku": np.arange(len(self.names)), "category": 0})
        return Histories(self.totals, np.isfinite(self.totals), numbers)


class Reconciled:
    """Products and categories that agree, in the past and ahead, at the regular price."""

    def __init__(self, base: Base, bottom: Learned, top: Learned, ends: list[int], n_steps: int) -> None:
        self.base, self.ends, self.n_steps = base, ends, n_steps
        self.dispersion = dispersion(base.demand[base.old], base.table.known[base.old])
        truth = actual_units(base.demand[base.old], base.table.known[base.old], ends, n_steps)
        self.variances = None
        self.facts: dict[str, object] = {
            "method": "MinT with measured variances",
            "categories": len(base.names),
        }
        if ends:
            of_sums, of_top = measured_variances(bottom.past, truth, top.past, base.group)
            self.variances = of_sums, of_top
            self.facts["weight_of_category_forecast"] = round(
                float(of_sums.sum() / (of_sums + of_top).sum()), 4
            )
        self.past = np.array([
            self._agree(one, two) for one, two in zip(bottom.past, top.past, strict=True)
        ]).reshape(bottom.past.shape)  # fmt: skip
        self.ahead = self._agree(bottom.ahead, top.ahead)

    def _agree(self, bottom: np.ndarray, top: np.ndarray) -> np.ndarray:
        if self.variances is None:
            return bottom
        of_sums, of_top = self.variances
        own = self.dispersion[:, None] * np.maximum(bottom, 1e-9)
        total = sum_by(own, self.base.group, len(of_sums))
        scaled = own * (of_sums[:, None] / total)[self.base.group]
        return reconcile(
            bottom, scaled, top, np.repeat(of_top[:, None], top.shape[1], axis=1), self.base.group
        )
