"""What ``snakemake check`` found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ultraseg.base.errors import UserError
from ultraseg.plan.plan import Plan
from ultraseg.plan.volume import Volume

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class Checked:
    """What ``check_config`` found. ``plan`` is None where the configuration or a volume is not whole."""

    config: dict
    volumes: dict[str, Volume] = field(default_factory=dict)
    coverage: dict[str, pd.DataFrame] = field(default_factory=dict)
    plan: Plan | None = None
    problems: list[UserError] = field(default_factory=list)
    files: int = 0
    seconds: float = 0.0
