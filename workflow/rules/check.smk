# check: reads headers and labels only; prints what is there, what the run costs, and every problem with its cure.
onstart:
    # Runs before the first job of every run, in the process that the user started: no job waits for the check, and no
    # job runs again because of the check.
    jobs = list(workflow.dag.needrun_jobs())
    start_check(
        config, {job.rule.name for job in jobs}, {str(file) for job in jobs for file in job.input}
    )


rule check:
    log:
        log_file("check"),
    # onstart does the work. The rule exists because Snakemake needs a job to start.
    localrule: True
    conda:
        ENVIRONMENT
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        job={"config": config},
        code=script_version("check"),
    script:
        "../scripts/check.py"
