# layout: writes the zarr.json of arrays and groups; later jobs write the slabs. Every image, structure and network has a
# job of its own, so that a new structure leaves the others alone.
rule image_layout:
    # The attributes tell the window of grey values to viewers and to all steps.
    input:
        unpack(RULES.inputs("image_layout")),
    output:
        [metadata(V.image_level(level)) for level in LEVELS],
    log:
        log_file("image_layout", "{volume}"),
    benchmark:
        benchmark_file("image_layout", "{volume}")
    conda:
        ENVIRONMENT
    resources:
        mem_mb=700,
        runtime=10,
    params:
        job=RULES.told("image_layout"),
        code=script_version("layout/image_layout"),
    script:
        "../scripts/layout/image_layout.py"


use rule image_layout as image_group with:
    # What OME-Zarr says of the image, in a job of its own: a slice that is declared bad changes the group, which no slab
    # needs, and leaves the arrays as they are.
    input:
        unpack(RULES.inputs("image_group")),
    output:
        metadata(V.image),
    log:
        log_file("image_group", "{volume}"),
    benchmark:
        benchmark_file("image_group", "{volume}")
    params:
        job=RULES.told("image_group"),
        code=script_version("layout/image_layout"),


for volume in PLAN.volumes:

    rule:
        # The list of label images, and what OME-Zarr says of each of them.
        name:
            f"label_groups_{volume}"
        output:
            [metadata(group) for group in RULES.spec("label_groups", {"volume": volume}).layout],
        log:
            log_file("label_groups", volume),
        conda:
            ENVIRONMENT
        resources:
            mem_mb=700,
            runtime=10,
        params:
            job=RULES.spec("label_groups", {"volume": volume}).told(),
            code=script_version("layout/array_layout"),
        script:
            "../scripts/layout/array_layout.py"


rule structure_layout:
    output:
        [metadata(V.labels_level("{structure}", level)) for level in LEVELS],
    log:
        log_file("structure_layout", "{volume}", "{structure}"),
    benchmark:
        benchmark_file("structure_layout", "{volume}", "{structure}")
    conda:
        ENVIRONMENT
    resources:
        mem_mb=700,
        runtime=10,
    params:
        job=RULES.told("structure_layout"),
        code=script_version("layout/array_layout"),
    script:
        "../scripts/layout/array_layout.py"


use rule structure_layout as network_layout with:
    output:
        metadata(V.probability("{network}")),
    log:
        log_file("network_layout", "{volume}", "{network}"),
    benchmark:
        benchmark_file("network_layout", "{volume}", "{network}")
    params:
        job=RULES.told("network_layout"),
        code=script_version("layout/array_layout"),


use rule structure_layout as cell_layout with:
    output:
        metadata(V.flow),
        metadata(V.pieces),
    log:
        log_file("cell_layout", "{volume}"),
    benchmark:
        benchmark_file("cell_layout", "{volume}")
    params:
        job=RULES.told("cell_layout"),
        code=script_version("layout/array_layout"),


use rule structure_layout as cut_layout with:
    output:
        metadata(V.cuts),
    log:
        log_file("cut_layout", "{volume}"),
    benchmark:
        benchmark_file("cut_layout", "{volume}")
    params:
        job=RULES.told("cut_layout"),
        code=script_version("layout/array_layout"),
