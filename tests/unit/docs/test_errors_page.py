"""docs/errors.md has every message of the code."""

import ast
from pathlib import Path

import pytest
from errors_page import Message, all_messages, all_modules, markdown, messages

ROOT = Path(__file__).parents[3]


def test_page_is_up_to_date():
    assert (ROOT / "docs/errors.md").read_text() == markdown(all_messages()), "run: make docs"


def test_every_call_in_the_code_is_on_the_page_or_hands_on_a_message_that_is():
    """Counted apart from the generator, so that it cannot overlook a message without a test failing."""
    handed_on = {  # calls whose problem or cure is written elsewhere: in a pair of texts, or in the error they wrap
        "run.check_files": 1, "formats.mrc": 1, "formats.tiff_decode": 1, "plan.label_choice": 1,
        "networks.devices": 4, "base.errors": 1, "base.system_errors": 2, "plan.open_volume": 4, "plan.maps": 1,
        "exchange.label_target": 1, "labels.planes": 1,
    }  # fmt: skip
    found = all_messages()
    for name, file in all_modules().items():
        tree = ast.parse(file.read_text())
        calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and ast.unparse(n.func) == "UserError"]
        own = len({ast.unparse(n) for n in calls}) - handed_on.get(name, 0)
        assert len(found.get(name, [])) >= own, file


def test_a_message_is_what_its_reader_meets():
    code = """
MORE = "copy it again"
def read(file, page, count):
    why = "it ends early" if page else "it is empty"
    raise UserError(f"{file}: has no page {page} of {len(count)}: {why}, {odd(page)}", f"Wait, or {MORE}.")
"""
    assert messages(code, "tiff") == [
        Message("FILE: has no page N of N: it ends early / it is empty, ...", "Wait, or copy it again.")
    ]


def test_errors_that_are_handed_on_and_calls_of_others_are_no_messages():
    code = """
raise UserError(f"{where}: {error.problem}", error.cure)
raise ValueError("this is not for users", "at all")
"""
    assert messages(code, "tiff") == []


def test_pairs_and_lists_count_only_in_the_modules_that_have_them():
    pair = 'def f():\n    return f"{gpu} is too old", "Use a newer one."\n'
    assert messages(pair, "networks.gpu") == [Message("... is too old", "Use a newer one.")]
    assert messages(pair, "tiff") == []
    assert messages('def f():\n    yield f"{key} is no key"\n', "plan.config") == [
        Message("KEY is no key", "")
    ]


def test_a_message_in_a_module_without_a_section_is_an_error():
    with pytest.raises(ValueError, match="no section .* of brand_new"):
        markdown({"brand_new": [Message("something is wrong", "Do this.")]})
