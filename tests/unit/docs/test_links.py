"""Links between the pages of the documentation lead somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "config/README.md"])


def anchors(page: Path) -> set[str]:
    """The names under which the headings of a page are linked to."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
    titles = re.findall(r"^#+ +(.+?) *$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def broken(page: Path) -> list[str]:
    """Links of a page to files or headings that are not there."""
    links = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", page.read_text()))
    lost = []
    for link in links:
        name, _, heading = link.partition("#")
        if name.startswith(("http://", "https://", "mailto:")):
            continue
        target = page.parent / name if name else page
        if not target.exists() or (heading and heading not in anchors(target)):
            lost.append(link)
    return lost


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    assert broken(page) == []


def test_a_lost_file_and_a_lost_heading_are_noticed(tmp_path):
    (tmp_path / "a.md").write_text(
        "# One two: three\n[x](a.md#one-two-three) [y](b.md) [z](#four) [u](https://x.y)\n"
    )
    assert broken(tmp_path / "a.md") == ["b.md", "#four"]


def test_every_page_is_reached_from_the_readme():
    found, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in found:
            continue
        found.add(page)
        waiting += [
            (page.parent / link).resolve() for link in re.findall(r"\]\(([^)#\s]+\.md)", page.read_text())
        ]
    assert set(ROOT.glob("docs/**/*.md")) <= found
