"""The one error that users are meant to read."""


class UserError(Exception):
    """Something in the user's input or configuration that the user can put right.

    ``problem`` names the file and the value, ``cure`` says what to do about it.
    """

    def __init__(self, problem: str, cure: str):
        self.problem = problem
        self.cure = cure
        super().__init__(f"{problem}\n  Cure: {cure}")
