# tiles: image and labels of the training and validation slices, cut together -> one file per network.
rule tiles:
    input:
        unpack(RULES.inputs("tiles")),
    output:
        N.tiles,
    log:
        log_file("tiles", "{network}"),
    benchmark:
        benchmark_file("tiles", "{network}")
    conda:
        ENVIRONMENT
    resources:
        mem_mb=RULES.mem_mb("tiles"),
        runtime=RULES.minutes("tiles"),
    params:
        job=RULES.told("tiles"),
        code=script_version("train/tiles"),
    script:
        "../scripts/train/tiles.py"
