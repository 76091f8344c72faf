"""Names and ORCID iDs of authors, as they are typed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ultraseg.base.errors import UserError


def check_authors(authors: Sequence[str], orcids: Sequence[str]) -> None:
    """Raise UserError unless there is no ORCID iD, or one of the right form for each author."""
    if orcids and len(orcids) != len(authors):
        raise UserError(
            f"{len(orcids)} ORCID iDs for {len(authors)} authors",
            "Give one --orcid for each --author, in their order.",
        )
    for orcid in orcids:
        if not re.fullmatch(r"(\d{4}-){3}\d{3}[\dX]", orcid):
            raise UserError(f"--orcid: {orcid} is no ORCID iD", "Give it as 0000-0002-1825-0097.")
