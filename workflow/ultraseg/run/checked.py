"""What ``snakemake check`` found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ultraseg.base.errors import UserError
from ultraseg.plan.plan import Plan
from ultraseg.plan.volume import Volume

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class Checked:
    """What ``check_config`` found.

    coverage: per volume, the table of what its labels cover; plan: None where the configuration or a volume has
    problems; files: how many were read.
    """

    config: dict[str, Any]
    volumes: dict[str, Volume] = field(default_factory=dict)
    coverage: dict[str, pd.DataFrame] = field(default_factory=dict)
    plan: Plan | None = None
    problems: list[UserError] = field(default_factory=list)
    files: int = 0
    seconds: float = 0.0
