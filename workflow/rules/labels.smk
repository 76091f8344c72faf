# labels: the user's label files of one structure -> checked slices in one file, and a table of what they cover.
rule labels:
    input:
        unpack(RULES.inputs("labels")),
    output:
        labels=V.checked_labels("{structure}"),
        coverage=V.coverage("{structure}"),
    log:
        log_file("labels", "{volume}", "{structure}"),
    benchmark:
        benchmark_file("labels", "{volume}", "{structure}")
    conda:
        ENVIRONMENT
    resources:
        mem_mb=RULES.mem_mb("labels"),
        runtime=RULES.minutes("labels"),
    params:
        job=RULES.told("labels"),
        code=script_version("labels/labels"),
    script:
        "../scripts/labels/labels.py"


use rule labels as labels_corrected with:
    # Cells that were proofread, together with the labels that were not: results are made from both, networks do not
    # learn from them.
    input:
        unpack(RULES.inputs("labels_corrected")),
    output:
        labels=V.checked_labels("{structure}", corrected=True),
        coverage=V.coverage("{structure}", corrected=True),
    log:
        log_file("labels_corrected", "{volume}", "{structure}"),
    benchmark:
        benchmark_file("labels_corrected", "{volume}", "{structure}")
    params:
        job=RULES.told("labels_corrected"),
        code=script_version("labels/labels"),


rule labels_planes:
    # Labelled planes across the slices, all xz or all yz planes of a structure; fails where they contradict its labelled
    # slices.
    input:
        unpack(RULES.inputs("labels_planes")),
    output:
        V.checked_planes("{structure}", "{plane}"),
    log:
        log_file("labels_planes", "{volume}", "{structure}", "{plane}"),
    benchmark:
        benchmark_file("labels_planes", "{volume}", "{structure}", "{plane}")
    conda:
        ENVIRONMENT
    resources:
        mem_mb=RULES.mem_mb("labels_planes"),
        runtime=RULES.minutes("labels_planes"),
    params:
        job=RULES.told("labels_planes"),
        code=script_version("labels/labels_planes"),
    script:
        "../scripts/labels/labels_planes.py"


rule labels_fit:
    # Warns of labels that fit the image of a neighbouring slice better than the image of their own slice: the numbers of
    # their slices are wrong.
    input:
        unpack(RULES.inputs("labels_fit")),
    output:
        V.label_fit("{structure}"),
    log:
        log_file("labels_fit", "{volume}", "{structure}"),
    benchmark:
        benchmark_file("labels_fit", "{volume}", "{structure}")
    # The warning comes before hours of training. The table is no input of the rule tiles: as an ancient() input the table
    # would hide from Snakemake, whenever this rule runs, that parameters of later rules have changed.
    priority: 10
    conda:
        ENVIRONMENT
    resources:
        mem_mb=RULES.mem_mb("labels_fit"),
        runtime=RULES.minutes("labels_fit"),
    params:
        job=RULES.told("labels_fit"),
        code=script_version("labels/labels_fit"),
    script:
        "../scripts/labels/labels_fit.py"
