# verify: reads every slab and file of the results; compares them with the checksums that their jobs recorded.
rule verify:
    log:
        log_file("verify"),
    conda:
        ENVIRONMENT
    threads: 4
    resources:
        mem_mb=RULES.mem_mb("verify"),
        runtime=RULES.minutes("verify"),
    params:
        job={"config": config, "command": COMMAND},
        code=script_version("verify"),
    script:
        "../scripts/verify.py"
