"""Options of a head or a method: read from a mapping, with unknown names refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from typing import Any, Self

from pricelm.core.errors import ConfigError


@dataclass(frozen=True)
class Options:
    """Options as a frozen dataclass; subclasses check values when they are made."""

    @classmethod
    def from_mapping(cls, options: Mapping[str, Any], owner: str) -> Self:
        """Build options from a mapping.

        Parameters
        ----------
        options : mapping of str to object
            Any of the fields; lists become tuples.
        owner : str
            Whose options they are, for messages: "head 'bands'".

        Returns
        -------
        Options
            The checked options.

        Raises
        ------
        ConfigError
            If an option is unknown or has a wrong value.

        Examples
        --------
        >>> Options.from_mapping({"rank": 4}, "method 'full'")
        Traceback (most recent call last):
        ...
        pricelm.core.errors.ConfigError: unknown option 'rank' of method 'full'; known: none
        """
        known = [item.name for item in fields(cls)]
        for name in options:
            if name not in known:
                close = get_close_matches(str(name), known, n=1)
                hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known) or 'none'}"
                raise ConfigError(f"unknown option {name!r} of {owner}; {hint}")
        return cls(**{key: tuple(v) if isinstance(v, list) else v for key, v in options.items()})

    def to_dict(self) -> dict[str, Any]:
        """Return the options as values that JSON can hold."""
        return {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(self).items()}


def check_whole_number(name: str, value: object, least: int, most: int) -> None:
    """Raise ConfigError unless ``value`` is a whole number from ``least`` to ``most``."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ConfigError(f"expected {name} to be a whole number from {least} to {most}, got {value!r}")


def check_number(name: str, value: object, least: float, most: float) -> None:
    """Raise ConfigError unless ``value`` is a number from ``least`` to ``most``."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not least <= value <= most:  # type: ignore[operator]
        raise ConfigError(f"expected {name} to be a number from {least:g} to {most:g}, got {value!r}")
