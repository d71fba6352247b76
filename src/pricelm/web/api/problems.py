"""One shape for every error: RFC 9457 problem details that name the row and the column."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from pricelm.core.errors import (
    BundleError,
    ConfigError,
    DataError,
    DeadlinePassed,
    NoModelError,
    NotAllowedError,
    Overloaded,
    PricelmError,
    StoreError,
    UnknownVersionError,
)
from pricelm.services.listing_rows import ListingsRefused

MEDIA_TYPE = "application/problem+json"
_MOST_ERRORS = 20

KINDS: dict[str, tuple[int, str]] = {
    "bad-request": (400, "The request cannot be read"),
    "unauthorized": (401, "A valid key is needed"),
    "forbidden": (403, "The key does not allow this"),
    "not-found": (404, "There is no such thing"),
    "method-not-allowed": (405, "The path does not take this method"),
    "too-slow": (408, "The request took too long to arrive"),
    "conflict": (409, "The registry does not allow this now"),
    "too-large": (413, "The request is too large"),
    "media-type": (415, "The body is not JSON"),
    "invalid": (422, "Something in the request is wrong"),
    "bundle-refused": (422, "The bundle cannot serve"),
    "rate-limited": (429, "The key has used up its rate"),
    "internal": (500, "Something unexpected went wrong"),
    "overloaded": (503, "There is more to do than can be done in time"),
    "not-ready": (503, "No model is loaded yet"),
    "store-unavailable": (503, "The store cannot be used"),
    "deadline": (504, "The answer would have come too late"),
}
"""From the last part of a problem's ``type`` to its status and title."""


class FieldError(BaseModel):
    """What is wrong in one place of a request."""

    row: int | None = Field(None, description="position of the listing, from 0")
    column: str = Field("", description="field of the listing or of the request")
    message: str = Field(description="what was expected, what came, what to do")


class Problem(BaseModel):
    """An error, as RFC 9457 writes it."""

    type: str = Field(description="urn:pricelm:problem: and the kind")
    title: str
    status: int
    detail: str = Field(description="what was expected, what came, what to do")
    instance: str = Field(description="path of the request")
    request_id: str
    errors: list[FieldError] = Field(default_factory=list)


class ProblemError(Exception):
    """Raised where a request cannot be answered.

    Parameters
    ----------
    kind : str
        A key of `KINDS`.
    detail : str
        What was expected, what came, what to do.
    errors : sequence of FieldError
        Places in the request.
    retry_after_seconds : float, optional
        When to try again.
    """

    def __init__(
        self,
        kind: str,
        detail: str,
        errors: Sequence[FieldError] = (),
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind, self.detail = kind, detail
        self.errors, self.retry_after_seconds = list(errors), retry_after_seconds


def problem_response(error: ProblemError, *, path: str, request_id: str) -> JSONResponse:
    """Write a problem as a response."""
    status, title = KINDS[error.kind]
    document = Problem(
        type=f"urn:pricelm:problem:{error.kind}",
        title=title,
        status=status,
        detail=error.detail,
        instance=path,
        request_id=request_id,
        errors=error.errors[:_MOST_ERRORS],
    )
    headers = {}
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_seconds)))
    if error.kind == "unauthorized":
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(document.model_dump(), status, headers, media_type=MEDIA_TYPE)


def as_problem(error: Exception) -> ProblemError | None:
    """Return the problem that an error is, or None where it was not foreseen."""
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, ListingsRefused):
        places = [FieldError(row=one.row, column=one.column, message=one.message) for one in error.problems]
        return ProblemError("invalid", str(error), places)
    if isinstance(error, Overloaded):
        kind = "deadline" if isinstance(error, DeadlinePassed) else "overloaded"
        return ProblemError(kind, str(error), retry_after_seconds=error.retry_after_seconds)
    if isinstance(error, StoreError):
        return ProblemError("store-unavailable", str(error), retry_after_seconds=1)
    for known, name in _BY_ERROR:
        if isinstance(error, known):
            return ProblemError(name, str(error))
    return None


_BY_ERROR: tuple[tuple[type[PricelmError], str], ...] = (
    (UnknownVersionError, "not-found"),
    (NoModelError, "not-ready"),
    (NotAllowedError, "forbidden"),
    (ConfigError, "conflict"),
    (BundleError, "bundle-refused"),
    (DataError, "invalid"),
)
_COUNTED = {"overloaded": "queue", "deadline": "deadline"}
_BY_STATUS = {400: "bad-request", 404: "not-found", 405: "method-not-allowed", 413: "too-large"}


def validation_problem(error: RequestValidationError) -> ProblemError:
    """Write what pydantic found wrong, with the row and the column of each place."""
    found = error.errors()
    if any(one["type"] == "json_invalid" for one in found):
        where = next(one for one in found if one["type"] == "json_invalid")["loc"][-1]
        return ProblemError(
            "bad-request", f"expected a body of JSON, and it breaks off or errs at character {where}"
        )
    if any(one["loc"] == ("body",) and isinstance(one.get("input"), bytes) for one in found):
        return ProblemError(
            "media-type",
            "expected a JSON body with the header 'Content-Type: application/json', got another one",
        )
    places = [_place(one) for one in found[:_MOST_ERRORS]]
    first = places[0]
    row = "" if first.row is None else f"row {first.row}, "
    more = "" if len(found) == 1 else f" (and {len(found) - 1} more)"
    return ProblemError("invalid", f"{row}{first.column or 'body'}: {first.message}{more}", places)


def _place(one: Any) -> FieldError:
    where = [part for part in one["loc"] if part not in ("body", "query", "path", "header")]
    numbers = [part for part in where if isinstance(part, int)]
    names = [str(part)[:100] for part in where if not isinstance(part, int)]
    came = type(one.get("input")).__name__
    message = f"{one['msg']}; got {_JSON_NAMES.get(came, came)}"
    return FieldError(row=numbers[0] if numbers else None, column=names[-1] if names else "", message=message)


_JSON_NAMES = {
    "dict": "an object", "list": "a list", "str": "a text", "int": "a number", "float": "a number",
    "bool": "true or false", "NoneType": "null", "bytes": "something that is not JSON",
}  # fmt: skip


async def on_validation_error(request: Request, error: Exception) -> JSONResponse:
    """Answer a request whose body or parameters are wrong."""
    assert isinstance(error, RequestValidationError)
    return problem_response(
        validation_problem(error), path=request.url.path, request_id=request_id_of(request)
    )


async def on_http_error(request: Request, error: Exception) -> JSONResponse:
    """Answer what the framework itself refuses: an unknown path, a wrong method, a body that is no JSON."""
    assert isinstance(error, HTTPException)
    kind = _BY_STATUS.get(error.status_code, "bad-request")
    words = {
        "not-found": f"expected a path of this service, got {request.url.path[:200]}: "
        "GET /openapi.json has them",
        "method-not-allowed": f"expected another method than {request.method}: GET /openapi.json has them",
    }.get(kind, "expected a body of JSON, got something that cannot be read")
    response = problem_response(
        ProblemError(kind, words), path=request.url.path, request_id=request_id_of(request)
    )
    for name, value in (error.headers or {}).items():
        response.headers[name] = value
    return response


def unforeseen() -> ProblemError:
    """Return the problem of an error that nobody foresaw."""
    return ProblemError(
        "internal", "something unexpected went wrong; the log has more under this request's id"
    )


async def on_known_error(request: Request, error: Exception) -> JSONResponse:
    """Answer an error that pricelm raised on purpose, and any other without telling what was in it."""
    known = as_problem(error) or unforeseen()
    if known.kind in _COUNTED:
        request.app.state.metrics.refused.labels(_COUNTED[known.kind]).inc()
    return problem_response(known, path=request.url.path, request_id=request_id_of(request))


def request_id_of(request: Request) -> str:
    """Return the id that this request goes by."""
    return str(request.scope.get("pricelm.request_id", ""))
