"""Writes the tables of docs/comparison.md, between their marks, from the files of finished and failed runs."""

from __future__ import annotations

import json
import re
from pathlib import Path

from common import ROOT

from peers.methods import FAILED, METHODS, RESULT, TASKS

PAGE = ROOT / "docs/comparison.md"
RECORDED = Path(__file__).with_name("recorded.json")
OF_CELLS = {"Dice": "cells dice", "adapted Rand error": "cells adapted_rand_error"}
COLUMNS = {
    "cells": OF_CELLS,
    "slab": OF_CELLS,
    "protrusions": {
        "right": "cells protrusion_right",
        "wrong cell": "cells protrusion_wrong",
        "no cell": "cells protrusion_none",
        "orphans taken": "cells orphans_taken",
    },
    "organelles": {
        f"{structure}, Dice": f"{structure} dice"
        for structure in ("mitochondria", "membrane", "nucleoli", "endosomes", "lysosomes")
    },
}

KEPT = ("task", "title", "kind", "cpu_seconds", "of", "peak_mb", "commit", "step", "error")
LESS_IS_BETTER = ("error", "wrong", "taken")
NEITHER = "none"  # a pixel without a cell is no error where the cell is in doubt


def rows(runs: Path, job: str) -> list[dict]:
    """One row for each task and method that was run: task, title, and what its file says.

    Some were run before, here or by other benchmarks (``recorded.json``). Such a row stands until there is a new one; a
    failure of now does not take the place of a row.
    """
    recorded, found = json.loads(RECORDED.read_text()), []
    for name in TASKS[job]:
        before = [{"kind": RESULT} | row for row in recorded if (row["job"], row["task"]) == (job, name)]
        for method, how in METHODS[job].items():
            now = []
            for kind in (RESULT, FAILED):
                file = runs / job / name / method / kind
                if file.exists():
                    row = {"task": name, "title": how.title, "kind": kind}
                    now.append(row | json.loads(file.read_text()))
            kinds = {row["kind"] for row in now}
            stands = {RESULT, FAILED} if not now else {RESULT} - kinds
            found += [row for row in before if row["title"] == how.title and row["kind"] in stands] + now
        titles = {how.title for how in METHODS[job].values()}
        found += [row for row in before if row["title"] not in titles]
    return found


def record(found: dict[str, list[dict]]) -> None:
    """Keep the rows of jobs (what tables show of them), so that a new clone shows them and what failed as well."""
    kept = []
    for job, rows_of_job in found.items():
        for row in rows_of_job:
            one = {"job": job, **{key: row[key] for key in KEPT if row.get(key) not in (None, "")}}
            if row["kind"] == RESULT:
                del one["kind"]
                shown = COLUMNS[job].values()
                one["scores"] = {m: round(row["scores"][m], 6) for m in shown if m in row["scores"]}
            kept.append(json.dumps(one, ensure_ascii=False))
    RECORDED.write_text("[\n " + ",\n ".join(kept) + "\n]\n")


def table(rows: list[dict], job: str) -> str:
    """A Markdown table of the finished rows of a job; the best value of each task and column is bold."""
    done = [row for row in rows if row["kind"] == RESULT]
    heads = ["task", "method", *COLUMNS[job], "CPU minutes", "peak memory, MB", "commit"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for row in done:
        values = []
        for metric in COLUMNS[job].values():
            if metric not in row["scores"]:  # a volume without this structure
                values.append("")
                continue
            # As shown, so that two equal figures are both the best.
            of_task = [other["scores"] for other in done if other["task"] == row["task"]]
            same = [f"{scores[metric]:.3f}" for scores in of_task if metric in scores]
            best = min(same, key=float) if metric.endswith(LESS_IS_BETTER) else max(same, key=float)
            text = f"{row['scores'][metric]:.3f}"
            values.append(f"**{text}**" if text == best and not metric.endswith(NEITHER) else text)
        of, memory = row.get("of"), row.get("peak_mb")
        minutes = f"{row['cpu_seconds'] / 60:.1f}" + (f" ({of})" if of else "")
        cost = [minutes, "" if memory is None else f"{memory:.0f}", row["commit"]]
        lines.append("| " + " | ".join([row["task"], row["title"], *values, *cost]) + " |")
    return "\n".join(lines)


def failures(rows: list[dict]) -> str:
    """What could not be installed or run, with the error as it was printed."""
    failed = [row for row in rows if row["kind"] == FAILED]
    if not failed:
        return "Nothing failed that was run."
    parts = []
    for row in failed:
        parts.append(f"{row['title']}, {row['task']}, {row['step']}:\n\n```text\n{row['error']}\n```")
    return "\n\n".join(parts)


def missing(runs: Path, job: str) -> str:
    """What of a job was not run to its end yet, in one line."""
    gaps, there = [], {(row["task"], row["title"]) for row in rows(runs, job)}
    for how in METHODS[job].values():
        if names := [name for name in TASKS[job] if (name, how.title) not in there]:
            gaps.append(f"{how.title} ({', '.join(names)})")
    return f"Not run yet: {'; '.join(gaps)}." if gaps else "Everything was run."


def placed(text: str, name: str, content: str) -> str:
    """A page with new content between the marks of a name. Raises ValueError where the page has no such marks."""
    start, end = f"<!-- {name}: written by make peers -->", f"<!-- end of {name} -->"
    pattern = re.compile(re.escape(start) + ".*?" + re.escape(end), re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"{PAGE.name} has no place for {name}: {start}")
    return pattern.sub(lambda _: f"{start}\n{content}\n{end}", text)


def write(runs: Path, page: Path = PAGE) -> None:
    """Rewrite the tables of the page, those of jobs of which anything was run, and keep their rows."""
    text, found = page.read_text(), {job: rows(runs, job) for job in METHODS}
    for job, of_job in found.items():
        if of_job:
            text = placed(text, job, table(of_job, job))
            text = placed(text, f"{job} that failed", f"{failures(of_job)}\n\n{missing(runs, job)}")
    page.write_text(text)
    record(found)
