# labels: the user's label files of one structure -> checked slices in one file, and a table of what they cover.
rule labels:
    input:
        ASKS.labels,
    output:
        labels="results/{volume}/work/labels/{structure}.h5",
        coverage="results/{volume}/work/labels/{structure}.csv",
    log:
        "logs/labels/{volume}/{structure}.log",
    benchmark:
        "logs/labels/{volume}/{structure}.tsv"
    conda:
        "../../envs/workflow.yaml"
    resources:
        mem_mb=lambda wc, attempt: COSTS.mem_mb("labels", wc, attempt),
        runtime=lambda wc, attempt: COSTS.minutes("labels", wc, attempt),
    params:
        source=lambda wc: ASKS.label_source(wc).as_params(),
        kind=lambda wc: PLAN.structures[wc.structure]["kind"],
        ids_consistent=lambda wc: PLAN.structures[wc.structure]["ids_consistent"],
        shape=lambda wc: PLAN.volumes[wc.volume].shape,
        plane=lambda wc: PLAN.volumes[wc.volume].full_shape[1:],
        crop=lambda wc: PLAN.volumes[wc.volume].plane_crop,
        split=ASKS.label_uses,
        code=code_version("labels.coverage", "storage.label_slices", "labels.cell_ids"),
    script:
        "../scripts/labels.py"


use rule labels as labels_corrected with:
    # Cells that were proofread, together with the labels that were not: results are made from these, networks are not.
    input:
        lambda wc: PLAN.volumes[wc.volume].labels[wc.structure].files,
    output:
        labels="results/{volume}/work/labels/{structure}.corrected.h5",
        coverage="results/{volume}/work/labels/{structure}.corrected.csv",
    log:
        "logs/labels_corrected/{volume}/{structure}.log",
    benchmark:
        "logs/labels_corrected/{volume}/{structure}.tsv"
    params:
        source=lambda wc: PLAN.volumes[wc.volume].labels[wc.structure].as_params(),
        kind=lambda wc: PLAN.structures[wc.structure]["kind"],
        ids_consistent=lambda wc: PLAN.structures[wc.structure]["ids_consistent"],
        shape=lambda wc: PLAN.volumes[wc.volume].shape,
        plane=lambda wc: PLAN.volumes[wc.volume].full_shape[1:],
        crop=lambda wc: PLAN.volumes[wc.volume].plane_crop,
        split=lambda wc: PLAN.uses(wc.structure, wc.volume),
        code=code_version("labels.coverage", "storage.label_slices", "labels.cell_ids"),


rule labels_fit:
    # Labels that fit the image of a neighbouring slice better than their own are numbered wrongly: a warning.
    input:
        labels="results/{volume}/work/labels/{structure}.h5",
        images=ASKS.label_images,
    output:
        "results/{volume}/work/labels/{structure}.fit.csv",
    log:
        "logs/labels_fit/{volume}/{structure}.log",
    # The warning comes before hours of training. As an ancient() input of tiles it would hide from Snakemake, whenever
    # this rule runs, that parameters of the rules after training have changed.
    priority: 10
    conda:
        "../../envs/workflow.yaml"
    resources:
        mem_mb=lambda wc, attempt: COSTS.mem_mb("labels_fit", wc, attempt),
        runtime=lambda wc, attempt: COSTS.minutes("labels_fit", wc, attempt),
    params:
        slices=ASKS.fitted_slices,
        n_slices=lambda wc: PLAN.volumes[wc.volume].n_slices,
        first_slice_number=lambda wc: PLAN.volumes[wc.volume].first_label_number(wc.structure),
        code=code_version("labels.slice_offset", "storage.label_slices"),
    script:
        "../scripts/labels_fit.py"
