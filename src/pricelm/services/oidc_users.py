"""People who come through another log-in service: known by its word, with the role that it says each time."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pricelm.services.console_users import LoginResult
from pricelm.services.service_keys import Role
from pricelm.storage.audit import write_audit
from pricelm.storage.database import Store
from pricelm.storage.users import User, add_user, get_user, user_of_subject

_MOST_NAME = 100


@dataclass(frozen=True)
class OidcIdentity:
    """Who somebody is by an ID token that was checked.

    Parameters
    ----------
    issuer, subject : str
        The service, and its name for them, which never changes.
    name : str
        What they are called in pricelm's records from their first log-in on.
    claimed : tuple of str
        What the role claim holds, for example groups.
    """

    issuer: str
    subject: str
    name: str
    claimed: tuple[str, ...]


def identity_from_claims(claims: Mapping[str, Any], name_claim: str, role_claim: str) -> OidcIdentity:
    """Read the claims of a token that was checked.

    Parameters
    ----------
    claims : mapping
        Of the token; ``iss`` and ``sub`` are there.
    name_claim : str
        Where the name is; without it the subject is the name.
    role_claim : str
        Where the groups or roles are: a claim, or a way into nested ones such as ``realm_access.roles``.

    Examples
    --------
    >>> claims = {"iss": "https://id.example", "sub": "7", "realm_access": {"roles": ["pricing"]}}
    >>> identity_from_claims(claims, "preferred_username", "realm_access.roles").claimed
    ('pricing',)
    """
    found: Any = claims.get(role_claim)
    if found is None:
        found = claims
        for part in role_claim.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    claimed = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    name = claims.get(name_claim)
    shown = _printable(name) if isinstance(name, str) else ""
    return OidcIdentity(
        claims["iss"],
        claims["sub"],
        shown or _printable(claims["sub"]),
        tuple(one for one in claimed if isinstance(one, str)),
    )


def admit_identity(store: Store, identity: OidcIdentity, roles: Mapping[str, str]) -> LoginResult:
    """Let somebody in who comes through a log-in service, as a user without a password.

    Their role is what the service says now, also where it is less than before. Nobody becomes a user who is
    there already under the same name: names stand in the records of decisions.

    Parameters
    ----------
    store : Store
        The store.
    identity : OidcIdentity
        Who it is.
    roles : mapping of str to str
        What the role claim holds to a role of pricelm; the highest counts.

    Returns
    -------
    LoginResult
        The user, or why not: ``"no_role"``, ``"name_taken"`` or ``"shut_out"``.
    """
    role = max((Role[roles[one]] for one in identity.claimed if one in roles), default=None)
    with store.writing() as session:
        row = user_of_subject(session, identity.issuer, identity.subject)
        why = _refusal(row, role, name_is_taken=get_user(session, identity.name) is not None)
        if why or role is None:
            details = {"issuer": identity.issuer, "subject": identity.subject, "why": why}
            write_audit(session, identity.name, "refuse log in", f"user {identity.name}", details)
            return LoginResult(None, why)
        if row is None:
            row = add_user(session, identity.name, role.name, "")
            row.issuer, row.subject = identity.issuer, identity.subject
            write_audit(
                session, row.name, "add user", f"user {row.name}", {"role": role.name, "by": identity.issuer}
            )
        elif row.role != role.name:
            details = {"before": row.role, "role": role.name, "by": identity.issuer}
            write_audit(session, row.name, "set role", f"user {row.name}", details)
            row.role = role.name
        write_audit(session, row.name, "log in", f"user {row.name}", {"by": identity.issuer})
        return LoginResult(row.user)


def _refusal(row: User | None, role: Role | None, *, name_is_taken: bool) -> str:
    if row is not None and row.disabled is not None:
        return "shut_out"
    if role is None:
        return "no_role"
    return "name_taken" if row is None and name_is_taken else ""


def _printable(text: str) -> str:
    """Return a name as the records take it: no control characters, no space around it, not too long."""
    plain = "".join(one for one in text if unicodedata.category(one)[0] != "C")
    return plain.strip()[:_MOST_NAME].strip()
