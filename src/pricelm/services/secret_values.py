"""Settings that hold secrets: how they are marked, and what of them may be shown.

A setting of the type ``SecretStr`` is never shown. One that is marked with `MAY_HOLD_SECRET` is an address:
it is shown without passwords, tokens, and whatever else may be one.
"""

from __future__ import annotations

import re
from typing import Any, get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo

MASK = "***"
_PATH = re.compile(r"(?:[A-Za-z]:)?[\w./\\ ~+,-]*")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_HOST = re.compile(r"(?:[\w.-]*|\[[0-9A-Fa-f:.]*\])(?::\d*)?")
_WEB = ("http", "https")
_HARMLESS = ("sslmode", "connect_timeout", "application_name", "target_session_attrs", "mode", "timeout")


class MayHoldSecret:
    """Marks a setting as an address that may hold a password or a token."""


MAY_HOLD_SECRET = MayHoldSecret()
"""For ``Annotated[str, MAY_HOLD_SECRET]``, on the outside of the type."""


def holds_secret(field: FieldInfo) -> bool:
    """Tell whether a setting may hold a secret.

    Examples
    --------
    >>> holds_secret(FieldInfo(annotation=SecretStr | None)), holds_secret(FieldInfo(annotation=str))
    (True, False)
    """
    return _is_secret(field) or any(isinstance(one, MayHoldSecret) for one in field.metadata)


def shown_value(field: FieldInfo, value: Any) -> Any:
    """Return what may be shown of the value of a setting.

    Parameters
    ----------
    field : pydantic.fields.FieldInfo
        The setting.
    value : Any
        Its value, checked or as it was given.

    Returns
    -------
    Any
        The value itself where it is no text and no secret, otherwise a text without secrets.
    """
    if value is None:
        return None
    if _is_secret(field) or isinstance(value, SecretStr):
        return MASK
    if holds_secret(field) or (isinstance(value, str) and "://" in value):
        return masked_address(str(value))
    return value


def masked_address(text: str) -> str:
    """Return an address without what may be a secret in it.

    Of a database address passwords and parameters are masked, of a web address all that follows the host, as
    tokens of webhooks stand in the path. What cannot be told apart for certain is masked whole.

    Examples
    --------
    >>> masked_address("postgresql://shop:secret@db.example/shop?sslmode=require&sslpassword=secret#prices")
    'postgresql://shop:***@db.example/shop?sslmode=require&sslpassword=***#***'
    >>> masked_address("https://hooks.example/T01/secret"), masked_address("sqlite:///pricelm.db#prices")
    ('https://hooks.example/***', 'sqlite:///pricelm.db#prices')
    >>> masked_address("postgresql://shop:p@ss/word@db.example/shop"), masked_address("prices-sent")
    ('postgresql://***', 'prices-sent')
    """
    scheme, sign, rest = text.partition("://")
    if not sign:
        return text if _PATH.fullmatch(text) else MASK
    if not _SCHEME.fullmatch(scheme):
        return MASK
    end = re.search(r"[/?#]", rest)
    authority, beyond = (rest[: end.start()], rest[end.start() :]) if end else (rest, "")
    # an "@" anywhere else may belong to a password that was not escaped
    if "@" in beyond or authority.count("@") > 1:
        return f"{scheme}://{MASK}"
    user, at, host = authority.rpartition("@")
    shown = host if _HOST.fullmatch(host) else MASK
    if scheme.lower() in _WEB:
        return f"{scheme}://{MASK + at if at else ''}{shown}{'/' + MASK if beyond.strip('/') else beyond}"
    name, colon, _ = user.partition(":")
    return f"{scheme}://{name}{colon and colon + MASK}{at}{shown}{_masked_path(beyond)}"


def _masked_path(text: str) -> str:
    path, question, rest = text.partition("?")
    if not question:
        return text
    query, sign, _ = rest.partition("#")
    parts = [
        part if part.partition("=")[0] in _HARMLESS else f"{_name(part)}{MASK}" for part in query.split("&")
    ]
    return f"{path}?{'&'.join(parts)}{sign and sign + MASK}"


def _name(part: str) -> str:
    name, sign, _ = part.partition("=")
    return name + sign if sign and name.isidentifier() else ""


def _is_secret(field: FieldInfo) -> bool:
    return field.annotation is SecretStr or SecretStr in get_args(field.annotation)
