"""The one error that users are meant to read."""


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
