# measure: final labels -> sums per slab -> tables of cells, contacts, organelles and protrusions in micrometres.
rule measure_slab:
    input:
        unpack(RULES.inputs("measure_slab")),
    output:
        labels=V.measures("{slab}", "labels"),
        contacts=V.measures("{slab}", "contacts"),
        joint=V.measures("{slab}", "joint"),
    log:
        log_file("measure_slab", "{volume}", "{slab}"),
    benchmark:
        benchmark_file("measure_slab", "{volume}", "{slab}")
    conda:
        ENVIRONMENT
    resources:
        mem_mb=RULES.mem_mb("measure_slab"),
        runtime=RULES.minutes("measure_slab"),
    params:
        job=RULES.told("measure_slab"),
        code=script_version("measure/measure_slab"),
    script:
        "../scripts/measure/measure_slab.py"


rule measure:
    input:
        unpack(RULES.inputs("measure")),
    output:
        [V.table(name, kind) for name in MEASURED for kind in ("csv", "parquet")],
    log:
        log_file("measure", "{volume}"),
    benchmark:
        benchmark_file("measure", "{volume}")
    conda:
        ENVIRONMENT
    resources:
        mem_mb=RULES.mem_mb("measure"),
        runtime=RULES.minutes("measure"),
    params:
        job=RULES.told("measure"),
        code=script_version("measure/measure"),
    script:
        "../scripts/measure/measure.py"
