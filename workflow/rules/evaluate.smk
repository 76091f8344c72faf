# evaluate: final labels against held-out labels and, where given, dense truth -> metrics.csv.
rule evaluate:
    input:
        unpack(RULES.inputs("evaluate")),
    output:
        metrics=V.metrics,
        summary=V.summary,
    log:
        log_file("evaluate", "{volume}"),
    benchmark:
        benchmark_file("evaluate", "{volume}")
    conda:
        ENVIRONMENT
    resources:
        mem_mb=RULES.mem_mb("evaluate"),
        runtime=RULES.minutes("evaluate"),
    params:
        job=RULES.told("evaluate"),
        code=script_version("evaluate/evaluate"),
    script:
        "../scripts/evaluate/evaluate.py"
