"""Write the page with facts about the run."""

import os
import time

import yaml
from ultraseg.base.files import write_text
from ultraseg.report.pages import run_page
from ultraseg.report.run_facts import devices_used, job_costs, versions
from ultraseg.run.job import job

with job(snakemake):
    p, given = snakemake.params, snakemake.input
    facts = {"folder": os.getcwd(), "this page was made": time.strftime("%Y-%m-%d %H:%M"), **p.facts}
    config = yaml.safe_dump(p.config, sort_keys=False, allow_unicode=True)
    costs = job_costs("logs", p.n_slabs, p.rules)
    write_text(
        snakemake.output[0],
        run_page(config, versions(), devices_used(given.cards, given.devices), costs, facts),
    )
