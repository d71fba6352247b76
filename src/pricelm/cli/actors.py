"""Who gives a command: the user of the operating system, who has the store's file or password anyway."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pricelm.services.service_keys import Caller


def actor_name() -> str:
    """Return the name of whoever gives the command, for logs.

    Examples
    --------
    >>> actor_name().endswith("command line)") or actor_name() == "command line"
    True
    """
    try:
        return f"{getpass.getuser()[:100]} (command line)"
    except (OSError, KeyError):
        return "command line"


def caller() -> Caller:
    """Return whoever gives the command; who may open the store by hand may do everything with it."""
    from pricelm.services.service_keys import Caller, Role

    return Caller(actor_name(), Role.admin)
