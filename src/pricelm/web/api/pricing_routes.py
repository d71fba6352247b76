"""Quotes, explanations and outcomes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Request
from fastapi.responses import JSONResponse

from pricelm.services.live_pricing import LivePricing, QuoteOptions
from pricelm.services.quote_recorder import QuoteRecorder
from pricelm.web.api import bodies
from pricelm.web.api.guard import Analyst, Guard, Viewer
from pricelm.web.api.metrics import Metrics
from pricelm.web.api.problems import Problem

REFUSALS: dict[int | str, dict[str, object]] = {
    status: {"model": Problem, "description": words, "content": {"application/problem+json": {}}}
    for status, words in {
        400: "the body is no JSON",
        401: "no valid key",
        403: "the key does not allow this",
        413: "the body is too large",
        422: "a row or a setting is wrong; errors names row and column",
        429: "the key has used up its rate; Retry-After says when to come again",
        503: "too much waits already; Retry-After says when to come again",
        504: "the time for the request was over",
    }.items()
}
TimeLimit = Annotated[
    int | None,
    Header(alias="X-Timeout-Ms", ge=1, le=600_000, description="time for this request, in milliseconds"),
]

router = APIRouter(prefix="/v1", tags=["pricing"], responses=REFUSALS)


@router.post("/quotes", response_model=bodies.QuotesAnswer, summary="Price listings")
async def quotes(
    request: Request, body: bodies.QuotesRequest, caller: Viewer, timeout_ms: TimeLimit = None
) -> JSONResponse:
    """Price 1 to 1,000 listings: price, interval, and if asked for the most similar known listings."""
    _spend(request, caller, len(body.listings))
    pricing: LivePricing = request.app.state.pricing
    options = QuoteOptions(
        body.comparables,
        body.confidence_level if body.interval else None,
        body.model_version,
        None if timeout_ms is None else timeout_ms / 1000,
    )
    answers = await pricing.quotes(body.listings, options)
    recorder: QuoteRecorder = request.app.state.recorder
    recorder.note(caller.name, body.listings, answers, request.app.state.models)
    metrics: Metrics = request.app.state.metrics
    for _, version in answers:
        metrics.quotes.labels(str(version)).inc()
    return JSONResponse(
        {
            "quotes": [
                bodies.quote_answer(quote, version, interval=body.interval, band=body.band)
                for quote, version in answers
            ]
        }
    )


@router.post("/explanations", response_model=bodies.ExplanationsAnswer, summary="Explain prices")
async def explanations(
    request: Request, body: bodies.ExplanationsRequest, caller: Viewer, timeout_ms: TimeLimit = None
) -> JSONResponse:
    """Find the words that moved the prices of 1 to 20 listings: each is left out in turn."""
    _spend(request, caller, len(body.listings), work=body.max_words + 1)
    pricing: LivePricing = request.app.state.pricing
    found = await pricing.explanations(
        body.listings, body.max_words, None if timeout_ms is None else timeout_ms / 1000
    )
    return JSONResponse({"explanations": [bodies.explanation_answer(*one) for one in found]})


@router.post("/outcomes", response_model=bodies.OutcomesAnswer, summary="Report known prices")
async def outcomes(request: Request, body: bodies.OutcomesRequest, caller: Analyst) -> JSONResponse:
    """Tell what listings really cost: every live version is measured on them, and a canary that is
    certainly worse than the active version is stopped."""
    _spend(request, caller, len(body.outcomes))
    pricing: LivePricing = request.app.state.pricing
    prices = [one.price for one in body.outcomes]
    listings = [one.listing for one in body.outcomes]
    said = await pricing.outcomes(listings, prices)
    active = request.app.state.models.cast.active.version
    if active in said:
        recorder: QuoteRecorder = request.app.state.recorder
        answers = [(quote, active) for quote in said[active]]
        recorder.note(caller.name, listings, answers, request.app.state.models, asked=prices)
    metrics: Metrics = request.app.state.metrics
    for version, found in said.items():
        for quote, price in zip(found, prices, strict=True):
            ends = quote.estimate.interval
            metrics.outcomes.labels(str(version), str(ends.lower <= price <= ends.upper).lower()).inc()
    return JSONResponse({"kept": len(prices), "versions": list(said)})


def _spend(request: Request, caller: Viewer, listings: int, work: int = 1) -> None:
    guard: Guard = request.app.state.guard
    guard.spend(caller, listings * work)
    request.scope["pricelm.facts"]["listings"] = listings
