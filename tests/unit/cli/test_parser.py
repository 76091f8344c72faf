"""What can be typed: help pages, examples, and the word that is named where one was mistyped."""

import re
import shlex

import pytest
from ultraseg import __version__
from ultraseg.cli.main import COMMANDS
from ultraseg.cli.parser import PAGE, parser


def said(capsys, *words: str) -> tuple[int, str]:
    """Status and text of a command line that ends while it is read."""
    with pytest.raises(SystemExit) as end:
        parser().parse_args(words)
    told = capsys.readouterr()
    return end.value.code, told.out + told.err


def test_the_page_names_every_command_with_what_it_does(capsys):
    status, page = said(capsys, "--help")
    assert status == 0 and PAGE.strip() in page
    assert set(re.findall(r"^  (\w+)  +\w", PAGE, re.M)) == set(COMMANDS)


def test_the_version_is_that_of_the_package(capsys):
    assert said(capsys, "--version")[1].split()[:2] == ["ultraseg", __version__]


HELP = [[name] for name in COMMANDS] + [["proofread", "export"], ["proofread", "import"]]


@pytest.mark.parametrize("words", HELP, ids=" ".join)
def test_every_command_has_a_help_page_with_an_example_that_can_be_typed(capsys, words):
    status, page = said(capsys, *words, "--help")
    examples = page.partition("example:\n")[2].split("\n")
    examples = [line.strip() for line in examples if line.strip()]
    assert status == 0 and examples
    for example in examples:
        program, *typed = shlex.split(example)
        given = parser().parse_args(typed)
        assert program == "ultraseg" and given.command == words[0]


@pytest.mark.parametrize(
    "typed, named",
    [
        ("exprot slices", "exprot: no such command (did you mean export?)"),
        ("export slcies", "slcies: no such format (did you mean slices?)"),
        ("proofread improt", "improt: no such action (did you mean import?)"),
        ("status --directroy runs/demo", "--directroy: no such option (did you mean --directory?)"),
        ("view --token=x --prot=3", "--prot: no such option (did you mean --port?)"),
        ("--vresion", "--vresion: no such option (did you mean --version?)"),
    ],
)
def test_a_mistyped_word_is_told_with_the_nearest_right_one(capsys, typed, named):
    status, text = said(capsys, *typed.split())
    assert status == 2 and named in text and "--help" in text


@pytest.mark.parametrize("port", ["99999", "-1", "65536", "x", "1" * 5000])
def test_a_port_that_is_none_is_refused(capsys, port):
    status, text = said(capsys, "view", f"--port={port}")
    assert status == 2 and "a port is a number from 0 to 65535" in text
    assert parser().parse_args(["view", "--port", "65535"]).port == 65535


def test_what_is_nothing_like_a_command_is_told_with_all_commands(capsys):
    status, text = said(capsys, "qqqq")
    assert status == 2 and "did you mean" not in text and all(name in text for name in COMMANDS)


def test_commands_on_a_run_share_their_options():
    for words in (
        ["status"],
        ["view"],
        ["napari"],
        ["label", "--configfile", "a"],
        ["export", "slices"],
        ["crate", "--configfile", "a", "--licence", "MIT", "--author", "b"],
        ["bioimageio", "--licence", "MIT", "--author", "b"],
        ["proofread", "import", "--configfile", "a"],
    ):
        assert parser().parse_args([*words, "--directory", "runs/demo"]).directory == "runs/demo"
        assert parser().parse_args(words).directory == "."
