# arrays: writes the zarr.json of arrays and groups; the slabs are filled in by the jobs that follow. One job per image,
# structure and network, so that a new structure leaves the others alone.
rule arrays_image:
    # With the grey-value window in the attributes, where viewers and all steps find it.
    input:
        ASKS.window,
    output:
        expand("results/{{volume}}/image.zarr/{level}/zarr.json", level=LEVELS),
    log:
        "logs/arrays_image/{volume}.log",
    benchmark:
        "logs/arrays_image/{volume}.tsv"
    conda:
        "../../envs/workflow.yaml"
    resources:
        mem_mb=700,
        runtime=10,
    params:
        arrays=lambda wc: PLAN.image_arrays(wc.volume),
        dtype=lambda wc: PLAN.volumes[wc.volume].dtype,
        window=lambda wc: PLAN.volumes[wc.volume].window,
        bit_depth=lambda wc: PLAN.volumes[wc.volume].bit_depth,
        code=code_version("storage.create", "storage.ome_write", "ingest.grey_window", "arrays.grey_values"),
    script:
        "../scripts/arrays_image.py"


rule group_image:
    # What OME-Zarr says of the image. Apart from the arrays, because no slab needs it: a slice that is declared bad
    # changes it, and the slabs stay.
    input:
        ASKS.window,
    output:
        "results/{volume}/image.zarr/zarr.json",
    log:
        "logs/group_image/{volume}.log",
    benchmark:
        "logs/group_image/{volume}.tsv"
    conda:
        "../../envs/workflow.yaml"
    resources:
        mem_mb=700,
        runtime=10,
    params:
        arrays=lambda wc: PLAN.image_group(wc.volume),
        dtype=lambda wc: PLAN.volumes[wc.volume].dtype,
        window=lambda wc: PLAN.volumes[wc.volume].window,
        bit_depth=lambda wc: PLAN.volumes[wc.volume].bit_depth,
        code=code_version("storage.create", "storage.ome_write", "ingest.grey_window", "arrays.grey_values"),
    script:
        "../scripts/arrays_image.py"


for volume in PLAN.volumes:

    rule:
        # The list of label images, and what OME-Zarr says of each of them.
        name:
            f"groups_labels_{volume}"
        output:
            [f"results/{volume}/{group}/zarr.json" for group in PLAN.label_groups(volume)],
        log:
            f"logs/groups_labels/{volume}.log",
        conda:
            "../../envs/workflow.yaml"
        resources:
            mem_mb=700,
            runtime=10,
        params:
            volume=volume,
            arrays=PLAN.label_groups(volume),
            code=code_version("storage.create"),
        script:
            "../scripts/arrays.py"


rule arrays_structure:
    output:
        expand("results/{{volume}}/image.zarr/labels/{{structure}}/{level}/zarr.json", level=LEVELS),
    log:
        "logs/arrays_structure/{volume}/{structure}.log",
    benchmark:
        "logs/arrays_structure/{volume}/{structure}.tsv"
    conda:
        "../../envs/workflow.yaml"
    resources:
        mem_mb=700,
        runtime=10,
    params:
        arrays=lambda wc: PLAN.structure_arrays(wc.volume, wc.structure),
        code=code_version("storage.create"),
    script:
        "../scripts/arrays.py"


rule arrays_network:
    output:
        "results/{volume}/work/probability/{network}/zarr.json",
    log:
        "logs/arrays_network/{volume}/{network}.log",
    benchmark:
        "logs/arrays_network/{volume}/{network}.tsv"
    conda:
        "../../envs/workflow.yaml"
    resources:
        mem_mb=700,
        runtime=10,
    params:
        arrays=lambda wc: PLAN.network_arrays(wc.volume, wc.network),
        code=code_version("storage.create"),
    script:
        "../scripts/arrays.py"


rule arrays_cells:
    output:
        "results/{volume}/work/flow/zarr.json",
        "results/{volume}/work/pieces/zarr.json",
    log:
        "logs/arrays_cells/{volume}.log",
    benchmark:
        "logs/arrays_cells/{volume}.tsv"
    conda:
        "../../envs/workflow.yaml"
    resources:
        mem_mb=700,
        runtime=10,
    params:
        arrays=lambda wc: PLAN.cell_arrays(wc.volume),
        code=code_version("storage.create"),
    script:
        "../scripts/arrays.py"
