"""The errors that users are meant to read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager


class UserError(Exception):
    """Something in the user's input or configuration that the user can put right.

    ``problem`` names the file and the value, ``cure`` says what to do about it.
    """

    def __init__(self, problem: str, cure: str):
        self.problem = problem
        self.cure = cure
        super().__init__(f"{problem}\n  Cure: {cure}")


def raise_together(problems: list[UserError], what: str) -> None:
    """Raise one UserError that lists all problems and their cures; return where there are none."""
    if not problems:
        return
    if len(problems) == 1:
        raise problems[0]
    listed = "".join(f"\n  - {error.problem}" for error in problems)
    cures = "\n        ".join(dict.fromkeys(error.cure for error in problems))
    raise UserError(f"{len(problems)} problems with {what}:{listed}", cures)


class UserErrors(UserError):
    """Several problems at once, each with its cure; equal cures are said once."""

    def __init__(self, errors: Sequence[UserError]):
        self.errors = list(errors)
        by_cure: dict[str, list[str]] = {}
        for error in self.errors:
            by_cure.setdefault(error.cure, []).append(error.problem)
        listed = "".join(
            "".join(f"\n- {problem}" for problem in problems) + f"\n  Cure: {cure}"
            for cure, problems in by_cure.items()
        )
        super().__init__(f"{len(self.errors)} problems:{listed}", " ".join(by_cure))
        self.args = (f"{len(self.errors)} problems:{listed}",)


class Problems:
    """Collects the UserErrors of several blocks, so that they can be reported at once."""

    def __init__(self) -> None:
        self.errors: list[UserError] = []

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Keep a UserError of the block and go on after it."""
        try:
            yield
        except UserError as error:
            self.add(error)

    def add(self, error: UserError) -> None:
        """Keep one problem, or each of several."""
        self.errors += error.errors if isinstance(error, UserErrors) else [error]

    def raise_all(self) -> None:
        """Raise what was kept; nothing where there is none."""
        if len(self.errors) == 1:
            raise self.errors[0]
        if self.errors:
            raise UserErrors(self.errors)
