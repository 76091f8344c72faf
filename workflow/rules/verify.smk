# verify: reads every slab and file of the results; compares them with the checksums that their jobs recorded.
rule verify:
    log:
        "logs/verify.log",
    conda:
        "../../envs/workflow.yaml"
    threads: 4
    resources:
        mem_mb=lambda wc, attempt: COSTS.mem_mb("verify", wc, attempt),
        runtime=lambda wc, attempt: COSTS.minutes("verify", wc, attempt),
    params:
        config=config,
        code=code_version("run.verify", "plan.config", "plan.plan"),
        command=COMMAND,
    script:
        "../scripts/verify.py"
