# The plan of the run, and what all rules share.
import sys

from ultraseg.asks import Asks
from ultraseg.checkpoints import drop_finished
from ultraseg.config import load_config
from ultraseg.errors import UserError
from ultraseg.plan import Plan
from ultraseg.progress_record import record_progress
from ultraseg.provenance import code_version

try:
    CONFIG = load_config(config)
    PLAN = Plan(CONFIG)
except UserError as error:
    # A message for people, not a traceback through Snakemake's parser.
    sys.exit(f"\nultraseg cannot start.\n{error}\n")

record_progress(workflow, {name: net.settings["epochs"] for name, net in PLAN.networks.items()})
ASKS = Asks(PLAN)
LEVELS = range(CONFIG["pyramid_levels"])
DEVICE = CONFIG["device"]
# Training asks for the GPUs of the configuration, a prediction for one; SLURM gives no device to the others.
GPUS = CONFIG["gpus"] if DEVICE == "gpu" else 0


wildcard_constraints:
    volume="|".join(PLAN.volumes),
    network="|".join(PLAN.networks),
    structure="|".join(PLAN.structures),
    slab=r"\d+",
    gap=r"\d+x?-\d+x?",
