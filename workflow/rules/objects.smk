# objects: probability maps -> 3D objects of organelles: label each slab, join them across slab faces, renumber.
rule objects_label:
    input:
        unpack(RULES.inputs("objects_label")),
    output:
        V.slab_objects("{structure}", "{slab}"),
    log:
        log_file("objects_label", "{volume}", "{structure}", "{slab}"),
    benchmark:
        benchmark_file("objects_label", "{volume}", "{structure}", "{slab}")
    conda:
        ENVIRONMENT
    resources:
        mem_mb=RULES.mem_mb("objects_label"),
        runtime=RULES.minutes("objects_label"),
    params:
        job=RULES.told("objects_label"),
        code=script_version("objects/objects_label"),
    script:
        "../scripts/objects/objects_label.py"


rule objects_merge:
    input:
        unpack(RULES.inputs("objects_merge")),
    output:
        V.objects("{structure}"),
    log:
        log_file("objects_merge", "{volume}", "{structure}"),
    benchmark:
        benchmark_file("objects_merge", "{volume}", "{structure}")
    conda:
        ENVIRONMENT
    resources:
        mem_mb=RULES.mem_mb("objects_merge"),
        runtime=RULES.minutes("objects_merge"),
    params:
        job=RULES.told("objects_merge"),
        code=script_version("objects/objects_merge"),
    script:
        "../scripts/objects/objects_merge.py"


rule objects:
    input:
        unpack(RULES.inputs("objects")),
    output:
        [shard_file(V.labels_level("{structure}", level), "{slab}") for level in LEVELS],
    log:
        log_file("objects", "{volume}", "{structure}", "{slab}"),
    benchmark:
        benchmark_file("objects", "{volume}", "{structure}", "{slab}")
    wildcard_constraints:
        structure="|".join(s for s in PLAN.structures if s != PLAN.cells and s not in PLAN.ready) or "none",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=RULES.mem_mb("objects"),
        runtime=RULES.minutes("objects"),
    params:
        job=RULES.told("objects"),
        code=script_version("objects/objects"),
    script:
        "../scripts/objects/objects.py"


if PLAN.ready:

    # take_objects: label volumes of other programs -> final labels of the slab.
    rule take_objects:
        input:
            unpack(RULES.inputs("take_objects")),
        output:
            [shard_file(V.labels_level("{structure}", level), "{slab}") for level in LEVELS],
        log:
            log_file("take_objects", "{volume}", "{structure}", "{slab}"),
        benchmark:
            benchmark_file("take_objects", "{volume}", "{structure}", "{slab}")
        wildcard_constraints:
            structure="|".join(PLAN.ready),
        conda:
            ENVIRONMENT
        resources:
            mem_mb=RULES.mem_mb("take_objects"),
            runtime=RULES.minutes("take_objects"),
        params:
            job=RULES.told("take_objects"),
            code=script_version("objects/take_objects"),
        script:
            "../scripts/objects/take_objects.py"
