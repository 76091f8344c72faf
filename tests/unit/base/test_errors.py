"""Errors for users: one problem with its cure, or several at once."""

import pytest
from ultraseg.base.errors import Problems, UserError, UserErrors


def test_an_error_says_what_is_wrong_and_what_to_do():
    error = UserError("z1.tif: is empty", "Copy it again.")
    assert (error.problem, error.cure) == ("z1.tif: is empty", "Copy it again.")
    assert str(error) == "z1.tif: is empty\n  Cure: Copy it again."


def test_several_errors_are_listed_by_their_cures():
    errors = [UserError("a: x", "do a"), UserError("b: y", "do b"), UserError("c: x", "do a")]
    text = str(UserErrors(errors))
    assert text == "3 problems:\n- a: x\n- c: x\n  Cure: do a\n- b: y\n  Cure: do b"


def test_problems_are_collected_and_raised_together():
    problems = Problems()
    problems.raise_all()
    with problems.caught():
        raise UserError("a: x", "do a")
    with pytest.raises(UserError, match="a: x"):
        problems.raise_all()
    with problems.caught():
        raise UserErrors([UserError("b: y", "do a"), UserError("c: z", "do c")])
    with pytest.raises(UserErrors) as caught:
        problems.raise_all()
    assert [error.problem for error in caught.value.errors] == ["a: x", "b: y", "c: z"]
    assert str(caught.value).count("do a") == 1 and str(caught.value).startswith("3 problems")


def test_only_errors_for_users_are_collected():
    problems = Problems()
    with pytest.raises(ValueError), problems.caught():
        raise ValueError("of the program")
    problems.raise_all()
