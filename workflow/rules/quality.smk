# quality: image slab and the good slice before it -> statistics (per slab) -> table and figure of slices that look bad.
rule quality_slab:
    input:
        unpack(RULES.inputs("quality_slab")),
    output:
        V.quality("{slab}"),
    log:
        log_file("quality_slab", "{volume}", "{slab}"),
    benchmark:
        benchmark_file("quality_slab", "{volume}", "{slab}")
    conda:
        ENVIRONMENT
    resources:
        mem_mb=RULES.mem_mb("quality_slab"),
        runtime=RULES.minutes("quality_slab"),
    params:
        job=RULES.told("quality_slab"),
        code=script_version("quality/quality_slab"),
    script:
        "../scripts/quality/quality_slab.py"


rule quality:
    input:
        unpack(RULES.inputs("quality")),
    output:
        csv=V.table("slices", "csv"),
        parquet=V.table("slices"),
        figure=report(
            V.figure("slices.png"),
            caption="../report/slices.rst",
            category="Volume {volume}",
            subcategory="Input",
            labels={"figure": "quality of the slices"},
        ),
    log:
        log_file("quality", "{volume}"),
    benchmark:
        benchmark_file("quality", "{volume}")
    conda:
        ENVIRONMENT
    resources:
        mem_mb=1500,
        runtime=20,
    params:
        job=RULES.told("quality"),
        code=script_version("quality/quality"),
    script:
        "../scripts/quality/quality.py"
