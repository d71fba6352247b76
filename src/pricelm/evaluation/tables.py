"""Tables of the report: real table elements that become cards on a phone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pricelm.evaluation.markup import Markup, Node, element


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Parameters
    ----------
    title : str
        Its heading; also the label of its cells where the table is stacked.
    kind : str, default ""
        Class of its cells: ``"number"`` aligns right, ``"chart"`` holds a strip.
    note : str, default ""
        A line below the heading.
    head : Node, default None
        Shown in place of the title, for example the scale of the strips below it.
    """

    title: str
    kind: str = ""
    note: str = ""
    head: Node = None


def data_table(
    caption: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[Node]],
    *,
    class_: str = "",
    row_classes: Sequence[str] = (),
) -> Markup:
    """Build a table whose first cell heads each row.

    Parameters
    ----------
    caption : str
        What the table shows; read aloud first, and shown above it.
    columns : sequence of Column
        Headings.
    rows : sequence of sequences of Node
        Cells, as many in a row as there are columns.
    class_ : str, default ""
        Further class of the table.
    row_classes : sequence of str, optional
        Class of each row.

    Examples
    --------
    >>> table = data_table("Prices", [Column("name"), Column("price", "number")], [["tea", "3"]])
    >>> '<th scope="row">tea</th>' in table
    True
    """
    heads = [
        element(
            "th",
            column.head or column.title,
            element("small", column.note) if column.note else None,
            scope="col",
            class_=column.kind or None,
        )
        for column in columns
    ]
    classes = list(row_classes) or [""] * len(rows)
    body = [
        element("tr", _cells(columns, row), class_=name or None)
        for row, name in zip(rows, classes, strict=True)
    ]
    return element(
        "table",
        element("caption", caption),
        element("thead", element("tr", heads)),
        element("tbody", body),
        class_=class_ or None,
    )


def _cells(columns: Sequence[Column], row: Sequence[Node]) -> list[Markup]:
    first, *others = row
    cells = [element("th", first, scope="row")]
    for column, cell in zip(columns[1:], others, strict=True):
        cells.append(element("td", cell, class_=column.kind or None, data_label=column.title))
    return cells
