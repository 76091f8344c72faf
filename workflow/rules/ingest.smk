# ingest: image slices of one slab -> one shard of the image at every pyramid level.
rule window:
    # Grey values that become 0 and 255, from slices of the whole stack, in the part of their plane that is used.
    input:
        unpack(RULES.inputs("window")),
    output:
        V.window,
    log:
        log_file("window", "{volume}"),
    benchmark:
        benchmark_file("window", "{volume}")
    conda:
        ENVIRONMENT
    resources:
        mem_mb=RULES.mem_mb("window"),
        runtime=RULES.minutes("window"),
    params:
        job=RULES.told("window"),
        code=script_version("ingest/window"),
    script:
        "../scripts/ingest/window.py"


rule ingest:
    input:
        unpack(RULES.inputs("ingest")),
    output:
        [shard_file(V.image_level(level), "{slab}") for level in LEVELS],
    log:
        log_file("ingest", "{volume}", "{slab}"),
    benchmark:
        benchmark_file("ingest", "{volume}", "{slab}")
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=RULES.mem_mb("ingest"),
        runtime=RULES.minutes("ingest"),
    params:
        job=RULES.told("ingest"),
        code=script_version("ingest/ingest"),
    script:
        "../scripts/ingest/ingest.py"
