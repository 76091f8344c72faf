# arrays: writes the zarr.json of arrays and groups; the slabs are filled in by the jobs that follow. One job per image,
# structure and network, so that a new structure leaves the others alone.
rule arrays_image:
    # With the grey-value window in the attributes, where viewers and all steps find it.
    input:
        ASKS.window,
    output:
        "results/{volume}/image.zarr/zarr.json",
        expand("results/{{volume}}/image.zarr/{level}/zarr.json", level=LEVELS),
    log:
        "logs/arrays_image/{volume}.log",
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
        code=code_version("store_create", "ome"),
    script:
        "../scripts/arrays_image.py"


rule arrays_labels:
    # The list of label images in the image.
    output:
        "results/{volume}/image.zarr/labels/zarr.json",
    log:
        "logs/arrays_labels/{volume}.log",
    conda:
        "../../envs/workflow.yaml"
    resources:
        mem_mb=700,
        runtime=10,
    params:
        arrays=lambda wc: PLAN.labels_group(wc.volume),
        code=code_version("store_create"),
    script:
        "../scripts/arrays.py"


rule arrays_structure:
    output:
        "results/{volume}/image.zarr/labels/{structure}/zarr.json",
        expand("results/{{volume}}/image.zarr/labels/{{structure}}/{level}/zarr.json", level=LEVELS),
    log:
        "logs/arrays_structure/{volume}/{structure}.log",
    conda:
        "../../envs/workflow.yaml"
    resources:
        mem_mb=700,
        runtime=10,
    params:
        arrays=lambda wc: PLAN.structure_arrays(wc.volume, wc.structure),
        code=code_version("store_create"),
    script:
        "../scripts/arrays.py"


rule arrays_network:
    output:
        "results/{volume}/work/probability/{network}/zarr.json",
    log:
        "logs/arrays_network/{volume}/{network}.log",
    conda:
        "../../envs/workflow.yaml"
    resources:
        mem_mb=700,
        runtime=10,
    params:
        arrays=lambda wc: PLAN.network_arrays(wc.volume, wc.network),
        code=code_version("store_create"),
    script:
        "../scripts/arrays.py"


rule arrays_cells:
    output:
        "results/{volume}/work/flow/zarr.json",
        "results/{volume}/work/pieces/zarr.json",
    log:
        "logs/arrays_cells/{volume}.log",
    conda:
        "../../envs/workflow.yaml"
    resources:
        mem_mb=700,
        runtime=10,
    params:
        arrays=lambda wc: PLAN.cell_arrays(wc.volume),
        code=code_version("store_create"),
    script:
        "../scripts/arrays.py"
