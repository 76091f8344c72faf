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
    wildcard_constraints:
        network="|".join(name for name in PLAN.networks if name not in PLAN.mapped) or "(?!)",
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


if PLAN.mapped:

    # maps_card: some slices of the maps of other programs -> a card with the range of their numbers.
    rule maps_card:
        input:
            unpack(RULES.inputs("maps_card")),
        output:
            N.card,
        log:
            log_file("maps_card", "{network}"),
        benchmark:
            benchmark_file("maps_card", "{network}")
        wildcard_constraints:
            network="|".join(PLAN.mapped),
        conda:
            ENVIRONMENT
        resources:
            mem_mb=RULES.mem_mb("maps_card"),
            runtime=RULES.minutes("maps_card"),
        params:
            job=RULES.told("maps_card"),
            code=script_version("predict/maps_card"),
        script:
            "../scripts/predict/maps_card.py"

    # take_maps: maps of other programs -> maps of the slab, as predict writes them.
    rule take_maps:
        input:
            unpack(RULES.inputs("take_maps")),
        output:
            shard_file(V.probability("{network}"), "{slab}", 4),
        log:
            log_file("take_maps", "{volume}", "{network}", "{slab}"),
        benchmark:
            benchmark_file("take_maps", "{volume}", "{network}", "{slab}")
        wildcard_constraints:
            network="|".join(PLAN.mapped),
        conda:
            ENVIRONMENT
        resources:
            mem_mb=RULES.mem_mb("take_maps"),
            runtime=RULES.minutes("take_maps"),
        params:
            job=RULES.told("take_maps"),
            code=script_version("predict/take_maps"),
        script:
            "../scripts/predict/take_maps.py"

    # take_cuts: affinities of other programs -> the cuts of one brick, as cuts writes them.
    rule take_cuts:
        input:
            unpack(RULES.inputs("take_cuts")),
        output:
            shard_file(V.cuts, "{brick}", 4),
        log:
            log_file("take_cuts", "{volume}", "{brick}"),
        benchmark:
            benchmark_file("take_cuts", "{volume}", "{brick}")
        wildcard_constraints:
            volume="|".join(PLAN.cut_by_affinities) or "(?!)",
        conda:
            ENVIRONMENT
        resources:
            mem_mb=RULES.mem_mb("take_cuts"),
            runtime=RULES.minutes("take_cuts"),
        params:
            job=RULES.told("take_cuts"),
            code=script_version("predict/take_cuts"),
        script:
            "../scripts/predict/take_cuts.py"


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
    wildcard_constraints:
        volume="|".join(name for name in PLAN.volumes if name not in PLAN.cut_by_affinities) or "(?!)",
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
