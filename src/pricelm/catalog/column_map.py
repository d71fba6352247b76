"""The role of each column of a table: what inference finds, users correct and bundles keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from pricelm.core.errors import ConfigError

ROLES = (
    "listing_id",
    "title",
    "description",
    "brand",
    "category",
    "condition",
    "currency",
    "price",
    "listed_at",
    "image",
)
KINDS = ("text", "numeric", "categorical")


@dataclass(frozen=True)
class ColumnMap:
    """The role of each column of a table of listings.

    Parameters
    ----------
    listing_id, title, description, brand, category, condition : str, optional
        The column that plays the role; None if there is none.
    currency, price, listed_at, image : str, optional
        The column that plays the role; None if there is none.
    text, numeric, categorical : tuple of str
        Further columns, the attributes, by kind.
    ignored : dict of str to str
        Columns that are not used, with the reason.
    reasons : dict of str to str
        Why each used column got its role; does not count in comparisons.

    Examples
    --------
    >>> ColumnMap(title="name", price="cost").describe()
    [('title', 'name', ''), ('price', 'cost', '')]
    """

    listing_id: str | None = None
    title: str | None = None
    description: str | None = None
    brand: str | None = None
    category: str | None = None
    condition: str | None = None
    currency: str | None = None
    price: str | None = None
    listed_at: str | None = None
    image: str | None = None
    text: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    ignored: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the map as JSON-ready dictionaries, lists and strings."""
        values = asdict(self)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ColumnMap:
        """Rebuild a map from :meth:`to_dict`.

        Raises
        ------
        ConfigError
            If a key is not a role.
        """
        unknown = sorted(set(values) - {item.name for item in fields(cls)})
        if unknown:
            raise ConfigError(f"expected the roles {', '.join(ROLES)} and kinds, got {unknown}. Remove them")
        given: dict[str, Any] = {
            name: tuple(value) if name in KINDS else value for name, value in values.items()
        }
        return cls(**given)

    def describe(self) -> list[tuple[str, str, str]]:
        """Return (role, column, why) for every column, to be shown to the user."""
        roles = [(role, getattr(self, role)) for role in ROLES if getattr(self, role)]
        kinds = [(kind, column) for kind in KINDS for column in getattr(self, kind)]
        used = [(role, column, self.reasons.get(column, "")) for role, column in roles + kinds]
        return used + [("ignored", column, why) for column, why in self.ignored.items()]

    def read_columns(self) -> tuple[str, ...]:
        """Return the columns that are used, in the order of :meth:`describe`."""
        return tuple(column for role, column, _ in self.describe() if role != "ignored")

    def checked_name(self, column: str) -> str:
        """Return the name that an attribute has in checked listings.

        It is the column's own, with ``attr_`` before it where that is the name of a role.

        Examples
        --------
        >>> ColumnMap(title="name", text=("title",)).checked_name("title")
        'attr_title'
        """
        return f"attr_{column}" if column in ROLES else column
