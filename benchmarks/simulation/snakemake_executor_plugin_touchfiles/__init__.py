"""Executor of Snakemake that touches output files instead of running jobs: what is left is Snakemake's own work."""

import json
import os
import time
from pathlib import Path

from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.executors.real import RealExecutor
from snakemake_interface_executor_plugins.settings import CommonSettings

common_settings = CommonSettings(
    non_local_exec=False,
    implies_no_shared_fs=False,
    job_deploy_sources=False,
    pass_envvar_declarations_to_cmd=False,
    auto_deploy_default_storage_provider=False,
)


class Executor(RealExecutor):
    """Counts jobs and files; $SIMULATION_LOG gets the time of the first and of the last job.

    After $SIMULATION_JOBS jobs the run is cut off.
    """

    def __post_init__(self):
        self.first, self.jobs, self.files = None, 0, 0

    def run_job(self, job):
        self.first = self.first or time.time()
        info = SubmittedJobInfo(job=job)
        self.report_job_submission(info)
        made = [*job.output, *job.log, *([job.benchmark] if job.benchmark else [])]
        for file in made:
            Path(file).parent.mkdir(parents=True, exist_ok=True)
            Path(file).touch()
        self.jobs += 1
        self.files += len(made)
        self.report_job_success(info)
        if self.jobs >= int(os.environ["SIMULATION_JOBS"]):
            self.shutdown()
            os._exit(0)

    def shutdown(self):
        found = {"first": self.first, "last": time.time(), "jobs": self.jobs, "files": self.files}
        Path(os.environ["SIMULATION_LOG"]).write_text(json.dumps(found))

    def cancel(self):
        self.shutdown()

    def get_exec_mode(self):
        raise NotImplementedError

    @property
    def cores(self):
        return self.workflow.resource_settings.cores

    def get_python_executable(self):
        raise NotImplementedError
