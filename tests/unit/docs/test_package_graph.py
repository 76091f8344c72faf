"""docs/design.md shows the packages as their imports are."""

import re
from pathlib import Path

import package_graph
import pytest

ROOT = Path(__file__).parents[3]
MOST_MODULES = 15


def test_the_picture_is_that_of_the_imports():
    text = (ROOT / "docs/design.md").read_text()
    assert package_graph.insert(text) == text, "run: make docs"


def test_every_package_says_what_belongs_there_and_stands_on_one_line():
    about = package_graph.packages()
    placed = [name for line in package_graph.layers() for name in line]
    assert sorted(placed) == sorted(about) and len(about) > 20
    assert all(text.endswith(".") for text in about.values())


@pytest.mark.parametrize("package", package_graph.packages())
def test_a_package_has_few_modules(package):
    modules = [file for file in (package_graph.PACKAGE / package).glob("*.py") if file.name != "__init__.py"]
    assert 1 <= len(modules) <= MOST_MODULES


def test_arrows_lead_to_lower_lines_only():
    line_of = {name: i for i, line in enumerate(package_graph.layers()) for name in line}
    for package, used in package_graph.imports().items():
        for other in used:
            assert line_of[other] > line_of[package], f"{package} imports {other}"


def test_the_picture_shows_each_import_or_a_longer_way():
    arrows = re.findall(r"^    (\w+) --> (\w+)$", package_graph.page(), re.M)
    below = {name: {used for user, used in arrows if user == name} for name in package_graph.packages()}

    def reached(name):
        return below[name].union(*(reached(used) for used in below[name]))

    for package, used in package_graph.imports().items():
        assert used <= reached(package)
