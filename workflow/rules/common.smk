# The plan of the run, and what all rules share.
import gc
import os
import shlex
import sys
from pathlib import Path

# The code beside these rules comes first, whatever other ultraseg the environment holds: in this process, and by
# PYTHONPATH in the scripts of its jobs. On a cluster each job reads this file as well.
HERE = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parent
if (HERE / "ultraseg").is_dir():
    sys.path.insert(0, str(HERE))
    os.environ |= {"PYTHONPATH": os.pathsep.join(filter(None, [str(HERE), os.getenv("PYTHONPATH")]))}

from ultraseg.base.errors import UserError
from ultraseg.grid.paths import (
    CHECKPOINTS,
    MODELS,
    REPORT,
    RUN_PAGE,
    NetworkFiles,
    VolumeFiles,
    benchmark_file,
    log_file,
    metadata,
    shard_file,
)
from ultraseg.jobs.measure import TABLES as MEASURED
from ultraseg.jobs.report import OF_ALL, OF_CELLS
from ultraseg.jobs.whole_run import asked_of_image, whole_work
from ultraseg.plan.config import load_config
from ultraseg.plan.config_text import check_text
from ultraseg.plan.plan import Plan
from ultraseg.run.check import check_config, start_check
from ultraseg.run.check_table import print_findings
from ultraseg.run.code_version import script_version
from ultraseg.run.progress_record import record_progress
from ultraseg.run.rules import Rules, environment_file, remember_lookups
from ultraseg.train.checkpoints import drop_finished

# What the user typed, for the command that verify prints; jobs inherit it.
COMMAND = os.environ.setdefault(
    "ULTRASEG_COMMAND", shlex.join(["snakemake", *(a for a in sys.argv[1:] if a != "verify")])
)

# Jobs get the values that the main process has checked.
CONFIG_FILES = (workflow.overwrite_configfiles or workflow.configfiles) if workflow.is_main_process else []

try:
    check_text(CONFIG_FILES)
    CONFIG = load_config(config)
    PLAN = Plan(CONFIG)
except UserError as error:
    # All problems as messages for people, in place of a traceback through Snakemake's parser.
    if workflow.is_main_process:
        print_findings(check_config(config, files=CONFIG_FILES), tables="check" in sys.argv)
        sys.exit("ultraseg cannot start: see the problems above.\n")
    sys.exit(f"\n{error}\n")

record_progress(
    workflow, {name: net.settings["epochs"] for name, net in PLAN.networks.items() if name in PLAN.trained}
)
PLANNED = [f"volumes.{name}" for name, volume in PLAN.volumes.items() if volume.planned]
if PLANNED and workflow.is_main_process and "check" not in sys.argv:
    sys.exit(
        f"\n{', '.join(PLANNED)}: only planned, there is nothing to run\n  Cure: Ask what it would cost with "
        "snakemake check, or give its image.\n"
    )

# Snakemake keeps millions of small objects for the jobs of a large volume. The search for garbage among these objects
# took a seventh of the time of planning. A dry run ends with the plan, so it needs no search at all.
gc.set_threshold(100_000, 50, 1000)
if workflow.output_settings.dryrun:
    gc.disable()
remember_lookups()
RULES = Rules(PLAN)
V, N = VolumeFiles.of("{volume}"), NetworkFiles("{network}")
LEVELS = range(CONFIG["pyramid_levels"])
# The environment is named only where conda or a check of the workflow's style asks for one: Snakemake looks for the file
# anew for every job, which took a tenth of the time of planning a large volume.
ENVIRONMENT = environment_file(workflow, "../../envs/workflow.yaml")


# Some networks are trained here, others come from elsewhere, and some have maps of other programs in their place.
TRAINED = "|".join(PLAN.trained) or "(?!)"
READY = PLAN.adopted


wildcard_constraints:
    volume="|".join(PLAN.volumes),
    network="|".join(PLAN.networks),
    structure="|".join(PLAN.structures),
    slab=r"\d+",
    gap=r"\d+x?-\d+x?",
    brick=r"\d+",
    plane="xz|yz",
