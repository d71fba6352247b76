"""The rows of a plan in memory: what each recommends and where it stands, and which changed since when."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from pricelm.services.approving import MOVES
from pricelm.storage.worklists import DecidedValues, RecommendationValues

_NO_TEXTS: dict[str, str] = {}


class WorkRows:
    """The rows of a plan, which follow what people decide.

    Parameters
    ----------
    values : sequence of RecommendationValues
        The recommendations in the order of the table.
    texts : mapping
        Product to what is written about it.
    gains : callable
        Takes a price a product, and returns what is expected of them where that is known.
    """

    def __init__(
        self,
        values: Sequence[RecommendationValues],
        texts: Mapping[str, Mapping[str, str]],
        gains: Callable[[Mapping[str, float]], Mapping[str, float]],
    ) -> None:
        # a revision of an earlier run of the service, or of a list that was read anew, is not one of this
        self._name = secrets.token_hex(6)
        self._turn = 0
        self._changed: dict[int, int] = {}
        self._gains = gains
        self._decided = {one.recommendation for one in values if _is_decided(one)}
        rows = [_row(one, texts.get(one.sku, _NO_TEXTS)) for one in values]
        self.rows = self._with_gains(rows)
        self._places = {row["id"]: place for place, row in enumerate(self.rows)}

    @property
    def revision(self) -> str:
        """Name of the present state."""
        return f"{self._name}.{self._turn}"

    def take(self, decided: Sequence[DecidedValues]) -> None:
        """Take over where recommendations stand; those that are not named are open as they were proposed.

        Rows that were given out before stay as they are: changed ones are new dictionaries in a new list.
        """
        now = {one.recommendation for one in decided}
        back = [DecidedValues(one, "open", None, "") for one in self._decided - now]
        rows, changed, moved = self.rows.copy(), [], []
        for one in (*decided, *back):
            place = self._places[one.recommendation]
            row = rows[place]
            fresh = row | _standing(row, one.state, one.decided_price, one.edited_by)
            if fresh != row:
                rows[place] = fresh
                changed.append(place)
            if fresh["price"] != row["price"]:
                moved.append(place)
        for place, fresh in zip(moved, self._with_gains([rows[one] for one in moved]), strict=True):
            rows[place] = fresh
        self._decided = now
        if changed:
            self.rows = rows
            self._turn += 1
            self._changed |= dict.fromkeys(changed, self._turn)

    def since(self, revision: str) -> list[dict[str, Any]] | None:
        """Return the rows that changed since a revision; None for one that is not of this list."""
        name, _, turn = revision.partition(".")
        if name != self._name or not turn.isdigit():
            return None
        return [self.rows[place] for place, at in self._changed.items() if at > int(turn)]

    def _with_gains(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        gains = self._gains({row["sku"]: row["price"] for row in rows})
        return [row | {"gain": gains.get(row["sku"], row["planned_gain"])} for row in rows]


def _is_decided(one: RecommendationValues) -> bool:
    return one.state != "open" or one.decided_price is not None


def _row(one: RecommendationValues, texts: Mapping[str, str]) -> dict[str, Any]:
    bound = [verdict for verdict in one.verdicts if verdict.get("bound")]
    row = {
        "id": one.recommendation,
        "sku": one.sku,
        "title": texts.get("title", ""),
        "category": texts.get("category", ""),
        "brand": texts.get("brand", ""),
        "action": one.action,
        "current": float(one.current_price),
        "proposed": float(one.proposed_price),
        "low": float(one.price_low),
        "high": float(one.price_high),
        "gain": one.gain,
        "planned_gain": one.gain,
        "units": one.units,
        "rules": ", ".join(verdict["rule_id"] for verdict in bound),
        "holding": max(bound, key=lambda verdict: verdict.get("cost", 0.0), default=None),
        "broken": [verdict for verdict in one.verdicts if not verdict.get("satisfied", True)],
    }
    return row | _standing(row, one.state, one.decided_price, one.edited_by)


def _standing(row: Mapping[str, Any], state: str, decided: Decimal | None, edited: str) -> dict[str, Any]:
    price = row["proposed"] if decided is None else float(decided)
    return {
        "price": price,
        "change": price / row["current"] - 1,
        "state": state,
        "step": _step(state, row["action"]),
        "edited": edited,
    }


def _step(state: str, action: str) -> str:
    """Return where a recommendation stands: an open one waits, needs a look, or moves nothing."""
    if state != "open":
        return state
    return "waiting" if action in MOVES else "hold" if action == "hold" else "look"
