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
    if training.get("pictures"):  # bundles of 0.1.0 have no such entry
        lines += ["", "## Pictures", "", *(f"- {line}" for line in training["pictures"])]
    if document["metrics"]:
        lines += ["", "## Test", "", *_test_lines(document["metrics"])]
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


def _test_lines(metrics: dict[str, Any]) -> list[str]:
    if "table" not in metrics:  # set by somebody else than the training service
        return [f"- {name}: {value}" for name, value in metrics.items()]
    table = metrics["table"]
    coverage, lower, upper = metrics["coverage"]
    between = "" if lower is None or upper is None else f" ({lower:.1%} to {upper:.1%})"
    return [
        f"On {metrics['n_rows']:,} listings that no member has seen, with 95% intervals:",
        "",
        f"| {' | '.join(table[0])} |",
        f"|{'---|' * len(table[0])}",
        *(f"| {' | '.join(row.values())} |" for row in table),
        "",
        f"{metrics['confidence_level']:.0%} price intervals held {coverage:.1%}{between} of the prices.",
    ]
