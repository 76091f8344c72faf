"""Print what ``snakemake check`` prints, unless it has been printed when Snakemake started."""

import os
import sys

from ultraseg.run.check import ALREADY_CHECKED, check_config
from ultraseg.run.check_table import print_findings

if ALREADY_CHECKED not in os.environ:  # Snakemake was called with --no-hooks
    checked = check_config(snakemake.params.job["config"])
    print_findings(checked)
    sys.exit(1 if checked.problems else 0)
