"""The model card: what a bundle is, in words."""

from __future__ import annotations

from typing import Any

from pricelm.models.blend import Blend


def model_card(document: dict[str, Any], blend: Blend) -> str:
    """Write model.json as Markdown for people.

    Parameters
    ----------
    document : dict
        The content of model.json.
    blend : Blend
        The weights of the members.

    Returns
    -------
    str
        Markdown.
    """
    training = document["training"]
    lines = [
        "# Price model",
        "",
        f"- made by pricelm {document['versions']['pricelm']}, preset `{document['parameters']['preset']}`, "
        f"seed {document['parameters']['seed']}",
        f"- learned from {training['rows']:,} listings"
        + (f" priced in {document['currency']}" if document["currency"] else ""),
        f"- data fingerprint `{document['fingerprint'][:16]}`",
        f"- time to train {training['seconds']['total']:.0f} s",
        "",
        "## Members",
        "",
        "| member | weight |",
        "|---|---|",
        *(f"| {name} | {weight:.3f} |" for name, weight in blend.weights.items()),
        *(f"| {name} | refused: {reason} |" for name, reason in document["refused"].items()),
        "",
        "## Plan",
        "",
        *(f"- {line}" for line in training["plan"]),
    ]
    if document["metrics"]:
        lines += ["", "## Test", "", *(f"- {name}: {value}" for name, value in document["metrics"].items())]
    if training["leaks"]:
        lines += ["", "## Leaks found in the data", "", *(f"- {leak}" for leak in training["leaks"])]
    lines += [
        "",
        "## Limits",
        "",
        "It prices listings like those it has learned from. Intervals hold their share of listings on average"
        " and within categories, not for every single listing. Prices move: check the coverage on new sales.",
        "",
    ]
    return "\n".join(lines)
