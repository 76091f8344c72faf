"""Pages of the report: tables that sort by a click, with the colours of the figures, in one HTML file each.

A page needs nothing but itself, so it opens without the internet and from within an archive that was unpacked. What a
page looks like is in ``assets``: the template ``page.html`` with its style and script.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from numbers import Real
from pathlib import Path

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, Template
from markupsafe import Markup

from ultraseg.base.colours import id_colours, structure_colours

MOST_ROWS = 1000  # of a table on a page; the files have all
LONG = 60  # characters of a text that may take several lines
CELL_COLUMNS = ("cell", "neighbour", "best_cell", "runner_up_cell")


@dataclass(frozen=True)
class Cell:
    """One cell of a table: its text, the value that it is sorted by where that is another, its kind and colour."""

    text: str
    value: str = ""
    kind: str = ""
    colour: str = ""


@dataclass(frozen=True)
class Column:
    """The head of a column; ``kind`` "text" is sorted as words."""

    name: str
    kind: str = ""


@dataclass(frozen=True)
class Section:
    """A part of a page: heading, sentences, then a table or a text that is shown as it is."""

    title: str
    note: str = ""
    table: pd.DataFrame | None = None
    text: str = ""

    @property
    def columns(self) -> list[Column]:
        """Heads of the columns; none where the table has no rows."""
        if self.table is None or self.table.empty:
            return []
        return [Column(str(name).replace("_", " "), _kind(self.table[name])) for name in self.table]

    @property
    def rows(self) -> Iterator[tuple[Cell, ...]]:
        """The cells of the table, row by row."""
        if self.table is None:
            return iter(())
        return zip(*(_cells(self.table[name]) for name in self.table), strict=True)


def page(title: str, sections: Sequence[Section]) -> str:
    """The HTML of a page."""
    return _template().render(title=title, sections=sections)


@cache
def _template() -> Template:
    assets = FileSystemLoader(Path(__file__).parent / "assets")
    environment = Environment(
        loader=assets, autoescape=True, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters["attribute"] = _attribute
    return environment.get_template("page.html")


def _attribute(value: str, name: str) -> str:
    """An attribute of an HTML element; nothing where the value is empty."""
    return Markup(' {}="{}"').format(name, value) if value else ""


def shortened(
    table: pd.DataFrame, file: str, by: str | None = None, most: int = MOST_ROWS
) -> tuple[pd.DataFrame, str]:
    """At most ``most`` rows of a table, those with the highest ``by``, and a sentence that says what is left out.

    ``file``: the name of the file with all rows.
    """
    click = "A click on the name of a column sorts by it."
    if len(table) <= most:
        return table, f"{len(table):,} rows. {click}"
    short, chosen = table.head(most), "the first ones"
    if by is not None and by in table:
        short = table.nlargest(most, by).sort_index()
        chosen = f"those with the highest {by.replace('_', ' ')}"
    return short, f"{most:,} rows, {chosen}; {file} has all {len(table):,} rows. {click}"


def _kind(values: pd.Series) -> str:
    return "" if pd.api.types.is_numeric_dtype(values) and values.dtype != bool else "text"


def _cells(values: pd.Series) -> list[Cell]:
    """The cells of a column: numbers to four figures, ids and structures with their colour."""
    if values.dtype == bool:
        return [Cell("yes" if value else "", kind="text") for value in values]
    if values.name in CELL_COLUMNS:
        colours = [f"rgb({r},{g},{b})" for r, g, b in id_colours(values.to_numpy(np.uint32)).tolist()]
        return [
            Cell(str(v), str(v), colour=colour) if v else Cell("")
            for v, colour in zip(values, colours, strict=True)
        ]
    if pd.api.types.is_float_dtype(values):
        return [Cell("") if pd.isna(v) else Cell(number(v), f"{v:.10g}") for v in values]
    if pd.api.types.is_numeric_dtype(values):
        return [Cell("" if pd.isna(value) else str(value)) for value in values]
    texts = [_text(value) for value in values]
    if values.name == "structure":
        known = structure_colours(dict.fromkeys(texts))
        return [Cell(text, text, "text", known[text]) for text in texts]
    return [Cell(text, kind="text long" if len(text) > LONG else "text") for text in texts]


def _text(value: object) -> str:
    """What stands in a column of words; a number among them has four figures as elsewhere."""
    if isinstance(value, Real) and not isinstance(value, int):
        return "" if pd.isna(value) else number(float(value))
    return "" if value is None or value is pd.NA or value is pd.NaT else str(value)


def number(value: float) -> str:
    """Four figures, never fewer digits before the point than there are."""
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
