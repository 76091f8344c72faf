"""Write the page with facts about the run."""

import os
import time

import yaml
from ultraseg.base.files import write_text
from ultraseg.jobs.report import ReportRun
from ultraseg.report.pages import run_page
from ultraseg.report.run_facts import devices_used, job_costs, versions
from ultraseg.run.job import job

with job(snakemake, ReportRun) as (spec, log):
    given = snakemake.input
    facts = {"folder": os.getcwd(), "this page was made": time.strftime("%Y-%m-%d %H:%M")}
    facts |= {f"volume {name}": text for name, text in spec.volumes.items()}
    config = yaml.safe_dump(spec.config, sort_keys=False, allow_unicode=True)
    costs = job_costs("logs", spec.n_slabs, snakemake.params.rules)
    devices = devices_used(given.cards, given.devices)
    write_text(snakemake.output[0], run_page(config, versions(), devices, costs, facts))
