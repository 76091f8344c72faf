# predict: image slab (with neighbours) and network -> probability maps of the slab at the network's scale.
rule predict:
    input:
        unpack(RULES.inputs("predict")),
    output:
        slab=shard_file(V.probability("{network}"), "{slab}", 4),
        # What the slab was computed on, for the page with facts about the run.
        device=V.device("{network}", "{slab}"),
    log:
        log_file("predict", "{volume}", "{network}", "{slab}"),
    benchmark:
        benchmark_file("predict", "{volume}", "{network}", "{slab}")
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        gpu=min(PLAN.gpus, 1),
        mem_mb=RULES.mem_mb("predict"),
        runtime=RULES.minutes("predict"),
    params:
        job=RULES.told("predict"),
        code=script_version("predict/predict"),
    script:
        "../scripts/predict/predict.py"
