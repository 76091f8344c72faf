"""Choose the method that carries ids of cells through one volume."""

import json

from ultraseg.base.files import write_text
from ultraseg.evaluate.choose_method import compare_methods
from ultraseg.jobs.evaluate import ChooseMethod
from ultraseg.run.job import job

with job(snakemake, ChooseMethod) as (spec, log):
    found = compare_methods(spec.tried)
    for method, scores in found["scores"].items():
        log.info("%s: Dice %.4f, adapted Rand error %.4f", method, *scores.values())
    log.info("chosen: %s", found["method"])
    write_text(snakemake.output[0], json.dumps(found, indent=2))
