"""The graph of rules in docs/design.md."""

from rule_graph import BEGIN, END, parse, reduced, replaced

PRINTED = """---
title: DAG
---
flowchart TB
	id0[all]
	id1[train]
	id2[tiles]
	id3[ingest]
	id4[image_layout]
	style id0 fill:#5799D9,stroke-width:2px,color:#333333
	id1 --> id0
	id2 --> id1
	id3 --> id2
	id3 --> id1
	id4 --> id3
"""


def test_rules_that_lay_out_arrays_and_collect_files_are_left_out():
    assert parse(PRINTED) == {"train": {"tiles", "ingest"}, "tiles": {"ingest"}, "ingest": set()}


def test_arrows_that_a_longer_way_shows_are_left_out():
    assert reduced(parse(PRINTED)) == [("ingest", "tiles"), ("tiles", "train")]
    reads = {"d": {"a", "b", "c"}, "c": {"b"}, "b": {"a"}, "a": set(), "e": {"a", "d"}}
    assert reduced(reads) == [("a", "b"), ("b", "c"), ("c", "d"), ("d", "e")]


def test_only_the_graph_of_a_page_is_written_anew():
    page = f"before\n{BEGIN}old{END}after\n"
    once = replaced(page, PRINTED)
    assert once.startswith("before\n") and once.endswith("after\n") and "old" not in once
    assert "    ingest --> tiles\n" in once and replaced(once, PRINTED) == once
