"""What a report is made of; a service fills it, the report only draws it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pricelm.core.nouns import Quote
from pricelm.evaluation.markup import Markup
from pricelm.evaluation.result import Evaluation


@dataclass(frozen=True)
class LearningPoint:
    """One entry of a training log.

    Parameters
    ----------
    step : int
        Optimizer steps done; epochs done where the log counts nothing finer.
    train_loss : float, optional
        Loss on training batches since the last entry.
    held_out_loss : float, optional
        Loss on the validation listings.
    """

    step: int
    train_loss: float | None = None
    held_out_loss: float | None = None


@dataclass(frozen=True)
class QuotedListing:
    """A new listing and what the model says about it.

    Parameters
    ----------
    title : str
        Its title as the shop wrote it.
    quote : Quote
        Price, interval, comparables and word effects.
    text : str, default ""
        Whatever else was written about it.
    """

    title: str
    quote: Quote
    text: str = ""


@dataclass(frozen=True)
class DataReport:
    """What happened to the rows on their way into the model.

    Parameters
    ----------
    rows_read, rows_kept : int
        Rows of the source, and those that could be used.
    rejected : mapping of str to int
        Reason -> number of rows, as in ``CleaningReport.counts``.
    warnings : sequence of str
        What the checks noticed without rejecting.
    columns : sequence of (role, column, why)
        As ``ColumnMap.describe()`` returns it.
    leaks : sequence of (column, kind, evidence)
        Columns left out because they give the price away.
    splits : mapping of str to int
        Split name -> listings.
    """

    rows_read: int
    rows_kept: int
    rejected: Mapping[str, int] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    columns: Sequence[tuple[str, str, str]] = ()
    leaks: Sequence[tuple[str, str, str]] = ()
    splits: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ReportChapter:
    """What came of the prices: one decision, told and drawn.

    Parameters
    ----------
    title : str
        Its heading.
    command : str
        The command line that does it.
    said : sequence of str
        What came out, in sentences.
    figures : sequence of Markup
        Its charts; their keys are unique in the page.
    page : str, default ""
        File name of its own page, beside the report.
    table : sequence of sequence of str
        A few lines with a head, shown where there is no chart.
    """

    title: str
    command: str
    said: Sequence[str]
    figures: Sequence[Markup] = ()
    page: str = ""
    table: Sequence[Sequence[str]] = ()


@dataclass(frozen=True)
class ReportData:
    """Everything that a report shows. Parts that are left empty are left out of the page.

    Parameters
    ----------
    title : str
        Heading, for example the shop's name.
    evaluation : Evaluation
        Of the test listings.
    about : str, default ""
        One or two sentences on shop and model.
    created_at : str, default ""
        Date and time as it should be read; the report asks no clock, so that the same
        input gives the same file.
    learning : sequence of LearningPoint
        Training log of the language member.
    quotes : sequence of QuotedListing
        New listings, priced.
    chapters : sequence of ReportChapter
        Decisions that follow from the prices.
    data : DataReport, optional
        What was read, rejected and left out.
    settings : mapping of str to object
        Options of the model and its training; values are shown as ``str(value)``.
    versions : mapping of str to str
        Library -> version.
    """

    title: str
    evaluation: Evaluation
    about: str = ""
    created_at: str = ""
    learning: Sequence[LearningPoint] = ()
    quotes: Sequence[QuotedListing] = ()
    chapters: Sequence[ReportChapter] = ()
    data: DataReport | None = None
    settings: Mapping[str, object] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
