"""Sessions of the console: a random secret in a cookie, its hash in the store, an end after idle hours."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta

from pricelm.services.service_keys import Caller, Role
from pricelm.storage.base import utc_now
from pricelm.storage.database import Store
from pricelm.storage.sessions import add_session, end_session, find_session

LONGEST = timedelta(hours=12)
IDLE = timedelta(hours=2)
_TOUCH_AFTER = timedelta(minutes=5)
_REMEMBERED_SECONDS = 1.0
_MOST_REMEMBERED = 1_000


@dataclass(frozen=True)
class Visit:
    """Who is logged in.

    Parameters
    ----------
    session : str
        Name of the session; not the secret.
    caller : Caller
        Who may do what.
    language : str
        Language of the console; empty until the user chooses one, which leaves it to the browser.
    """

    session: str
    caller: Caller
    language: str


class SessionBook:
    """The sessions of a store.

    Parameters
    ----------
    store : Store
        The store.

    Examples
    --------
    >>> from pricelm.storage.database import open_store
    >>> SessionBook(open_store("sqlite://")).find("no such secret") is None
    True
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._recent: OrderedDict[str, tuple[float, Visit | None]] = OrderedDict()

    def begin(self, user: int) -> str:
        """Begin a session and return its secret for the cookie."""
        secret = secrets.token_urlsafe(32)
        with self._store.writing() as session:
            add_session(session, _name(secret), user, utc_now() + LONGEST)
        return secret

    def find(self, secret: str) -> Visit | None:
        """Return who has this secret, or None; answers of the last second are remembered.

        A page loads some fifty files at once, and each asks.
        """
        name = _name(secret)
        now = time.monotonic()
        remembered = self._recent.get(name)
        if remembered is not None and now - remembered[0] < _REMEMBERED_SECONDS:
            return remembered[1]
        visit = self.look_up(name)
        self._recent[name] = (now, visit)
        while len(self._recent) > _MOST_REMEMBERED:
            self._recent.popitem(last=False)
        return visit

    def look_up(self, name: str) -> Visit | None:
        """Return who has the session of this name by what the store says now, or None."""
        now = utc_now()
        with self._store.reading() as session:
            found = find_session(session, name)
        if found is None:
            return None
        row, user = found
        if row.ends < now or row.seen + IDLE < now or user.disabled is not None:
            return None
        if row.seen + _TOUCH_AFTER < now:
            with self._store.writing() as session:
                again = find_session(session, name)
                if again is not None:
                    again[0].seen = now
        return Visit(name, Caller(user.name, Role[user.role]), user.language)

    def forget(self, name: str) -> None:
        """Read a session anew the next time."""
        self._recent.pop(name, None)

    def end(self, name: str) -> None:
        """End the session of this name."""
        self.forget(name)
        with self._store.writing() as session:
            end_session(session, name)


def _name(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", errors="surrogatepass")).hexdigest()
