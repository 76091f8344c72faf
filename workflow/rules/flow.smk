# flow: image slab and the next good slice -> optical flow in both directions between neighbouring good slices.
rule flow:
    input:
        unpack(RULES.inputs("flow")),
    output:
        shard_file(V.flow, "{slab}", 4),
    log:
        log_file("flow", "{volume}", "{slab}"),
    benchmark:
        benchmark_file("flow", "{volume}", "{slab}")
    conda:
        ENVIRONMENT
    resources:
        mem_mb=RULES.mem_mb("flow"),
        runtime=RULES.minutes("flow"),
    params:
        job=RULES.told("flow"),
        code=script_version("cells/flow"),
    script:
        "../scripts/cells/flow.py"
