"""Tables that a browser saves as files."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from starlette.responses import Response


def csv_answer(columns: Sequence[str], rows: Iterable[Mapping[str, Any]], name: str) -> Response:
    """Return rows as a CSV file, for programs: full numbers, ISO dates, empty for what is not known.

    Examples
    --------
    >>> csv_answer(["sku", "units"], [{"sku": "tea, green", "units": None}], "tea.csv").body.decode()
    'sku,units\\r\\n"tea, green",\\r\\n'
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)
