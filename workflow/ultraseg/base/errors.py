"""Errors that the user can put right, one at a time or together."""

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


class UserErrors(UserError):
    """Several problems at once, listed by their cures: a cure that several problems share is written once."""

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
    """Collects UserErrors, so that the user sees all of them at once."""

    def __init__(self) -> None:
        self.errors: list[UserError] = []

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Keep a UserError that the block raises, and go on after the block."""
        try:
            yield
        except UserError as error:
            self.add(error)

    def add(self, error: UserError) -> None:
        """Keep a problem; of a ``UserErrors`` each of its problems."""
        self.errors += error.errors if isinstance(error, UserErrors) else [error]

    def raise_all(self) -> None:
        """Raise the problems that were kept: UserErrors for several. Returns where no problem was kept."""
        if len(self.errors) == 1:
            raise self.errors[0]
        if self.errors:
            raise UserErrors(self.errors)
