"""Pages of the report: tables that sort by a click, with the colours of the figures, in one HTML file each.

A page needs nothing but itself, so it opens without the internet and from within an archive that was unpacked.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ultraseg.base.colours import id_colours, structure_colours

MOST_ROWS = 1000  # of a table on a page; the files have all
CELL_COLUMNS = ("cell", "neighbour", "best_cell", "runner_up_cell")
STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; color: #222; margin: 1.2em 1.6em; max-width: 1500px }
h1 { font-size: 1.35em; margin: 0 0 .4em } h2 { font-size: 1.1em; margin: 1.6em 0 .3em }
p { max-width: 60em; margin: .3em 0 .8em } pre { background: #f4f4f4; padding: .8em; overflow: auto }
.table { overflow: auto; max-height: 80vh; border: 1px solid #ddd }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .22em .7em; text-align: right; white-space: nowrap }
th { position: sticky; top: 0; background: #eef1f4; cursor: pointer; vertical-align: bottom }
th:focus-visible { outline: 2px solid #0072B2 } tr:nth-child(even) td { background: #f8f8f8 }
td.text, th.text { text-align: left } td.long { white-space: normal; min-width: 18em; max-width: 44em }
i { display: inline-block; width: .8em; height: .8em; margin-right: .45em; border: 1px solid #666 }
"""
SCRIPT = """
for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0];
  const sort = head => {
    const column = head.cellIndex, down = head.dataset.order === "up";
    const value = row => row.cells[column].dataset.value ?? row.cells[column].textContent;
    const compare = (a, b) => {
      if (a === "" || b === "") return (a === "") - (b === "");
      const difference = head.className === "text" ? a.localeCompare(b) : a - b;
      return down ? -difference : difference;
    };
    body.append(...[...body.rows].sort((a, b) => compare(value(a), value(b))));
    for (const other of table.tHead.rows[0].cells) { delete other.dataset.order; other.ariaSort = "none"; }
    head.dataset.order = down ? "down" : "up";
    head.ariaSort = down ? "descending" : "ascending";
  };
  table.tHead.addEventListener("click", event => event.target.closest("th") && sort(event.target.closest("th")));
  table.tHead.addEventListener("keydown", event => event.key === "Enter" && sort(event.target));
}
"""


@dataclass(frozen=True)
class Section:
    """A part of a page: heading, sentences, then a table or a text that is shown as it is."""

    title: str
    note: str = ""
    table: pd.DataFrame | None = None
    text: str = ""


def page(title: str, sections: Sequence[Section]) -> str:
    """The HTML of a page."""
    body = "\n".join(map(_section, sections))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{STYLE}</style></head>\n<body><h1>{html.escape(title)}</h1>\n{body}\n"
        f"<script>{SCRIPT}</script></body></html>\n"
    )


def shortened(
    table: pd.DataFrame, file: str, by: str | None = None, most: int = MOST_ROWS
) -> tuple[pd.DataFrame, str]:
    """At most ``most`` rows of a table, those with the highest ``by``, and a sentence that says what is left out."""
    click = "A click on the name of a column sorts by it."
    if len(table) <= most:
        return table, f"{len(table):,} rows. {click}"
    short = table.nlargest(most, by).sort_index() if by in table else table.head(most)
    chosen = f"those with the highest {by.replace('_', ' ')}" if by in table else "the first ones"
    return short, f"{most:,} rows, {chosen}; {file} has all {len(table):,} rows. {click}"


def _section(section: Section) -> str:
    parts = [f"<h2>{html.escape(section.title)}</h2>"] if section.title else []
    if section.note:
        parts.append(f"<p>{html.escape(section.note)}</p>")
    if section.table is not None:
        parts.append(_table(section.table) if len(section.table) else "<p>None.</p>")
    if section.text:
        parts.append(f"<pre>{html.escape(section.text)}</pre>")
    return "\n".join(parts)


def _table(table: pd.DataFrame) -> str:
    columns = [_column(table, name) for name in table]
    heads = "".join(
        f'<th tabindex="0"{_kind(table[name])}>{html.escape(str(name).replace("_", " "))}</th>'
        for name in table
    )
    rows = "\n".join(f"<tr>{''.join(row)}</tr>" for row in zip(*columns, strict=True))
    return f'<div class="table"><table><thead><tr>{heads}</tr></thead><tbody>\n{rows}\n</tbody></table></div>'


def _kind(values: pd.Series) -> str:
    return "" if pd.api.types.is_numeric_dtype(values) and values.dtype != bool else ' class="text"'


def _column(table: pd.DataFrame, name: str) -> list[str]:
    """The cells of a column: numbers to four figures, ids and structures with their colour."""
    values = table[name]
    if values.dtype == bool:
        return [f'<td class="text">{"yes" if value else ""}</td>' for value in values]
    if name in CELL_COLUMNS:
        colours = [f"rgb({r},{g},{b})" for r, g, b in id_colours(values.to_numpy(np.uint32)).tolist()]
        return [_swatch(v, colour) if v else "<td></td>" for v, colour in zip(values, colours, strict=True)]
    if pd.api.types.is_float_dtype(values):
        return ["<td></td>" if pd.isna(v) else f'<td data-value="{v:.10g}">{_number(v)}</td>' for v in values]
    if pd.api.types.is_numeric_dtype(values):
        return [f"<td>{value}</td>" for value in values]
    texts = ["" if pd.isna(value) else str(value) for value in values]
    if name == "structure":
        known = structure_colours(dict.fromkeys(texts))
        return [_swatch(text, known[text], "text") for text in texts]
    return [f'<td class="text{" long" * (len(text) > 60)}">{html.escape(text)}</td>' for text in texts]


def _swatch(value: object, colour: str, kind: str = "") -> str:
    text, kind = html.escape(str(value)), f' class="{kind}"' if kind else ""
    return f'<td{kind} data-value="{text}"><i style="background:{colour}"></i>{text}</td>'


def _number(value: float) -> str:
    """Four figures, never fewer digits before the point than there are."""
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
