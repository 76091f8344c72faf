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


# cuts: image and maps of one brick of slices -> the cuts between cells along z, y and x. Volumes whose cells are made in
# three dimensions have these jobs.
rule cuts:
    input:
        unpack(RULES.inputs("cuts")),
    output:
        shard_file(V.cuts, "{brick}", 4),
    log:
        log_file("cuts", "{volume}", "{brick}"),
    benchmark:
        benchmark_file("cuts", "{volume}", "{brick}")
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        gpu=min(PLAN.gpus, 1),
        mem_mb=RULES.mem_mb("cuts"),
        runtime=RULES.minutes("cuts"),
    params:
        job=RULES.told("cuts"),
        code=script_version("predict/cuts"),
    script:
        "../scripts/predict/cuts.py"
