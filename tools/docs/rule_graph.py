"""The graph of the rules in docs/design.md, from what Snakemake prints.

snakemake --rulegraph mermaid-js --configfile config/demo.yaml | python tools/docs/rule_graph.py docs/design.md
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from ultraseg.base.files import write_text

BEGIN, END = "<!-- rule graph: written by `make docs` -->\n", "<!-- end of the rule graph -->\n"
# They only lay out empty arrays, or collect files: an arrow from or to each would hide the others.
LEFT_OUT = r"ultraseg|all|\w+_layout|image_group|label_groups_\w+"
SHOWN_AS = {"phantom_demo": "your slices and labels"}


def parse(mermaid: str) -> dict[str, set[str]]:
    """For each rule the rules whose files it reads, from the text of ``--rulegraph mermaid-js``."""
    names = dict(re.findall(r"^\s*(id\d+)\[(\w+)\]", mermaid, re.M))
    reads: dict[str, set[str]] = {name: set() for name in names.values()}
    for source, target in re.findall(r"^\s*(id\d+) --> (id\d+)", mermaid, re.M):
        reads[names[target]].add(names[source])
    return {
        rule: {source for source in sources if not re.fullmatch(LEFT_OUT, source)}
        for rule, sources in reads.items()
        if not re.fullmatch(LEFT_OUT, rule)
    }


def reduced(reads: dict[str, set[str]]) -> list[tuple[str, str]]:
    """Arrows (from, to) without those that a longer way shows already, sorted."""
    before: dict[str, set[str]] = {}

    def all_before(rule: str) -> set[str]:
        if rule not in before:
            before[rule] = set(reads[rule]).union(*(all_before(source) for source in reads[rule]))
        return before[rule]

    return sorted(
        (source, rule)
        for rule, sources in reads.items()
        for source in sources
        if not any(source in all_before(other) for other in sources)
    )


def block(mermaid: str) -> str:
    """The part of docs/design.md with the graph."""
    arrows = [f"    {source} --> {rule}" for source, rule in reduced(parse(mermaid))]
    named = [f'    {rule}["{words}"]' for rule, words in SHOWN_AS.items()]
    return "\n".join([BEGIN + "```mermaid", "flowchart TB", *named, *arrows, "```", END])


def replaced(page: str, mermaid: str) -> str:
    """A page with its graph written anew."""
    head, _, tail = page.partition(BEGIN)
    return head + block(mermaid) + tail.partition(END)[2]


if __name__ == "__main__":
    file = Path(sys.argv[1])
    write_text(file, replaced(file.read_text(), sys.stdin.read()))
