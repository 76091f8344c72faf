# quality: image slab and the good slice before it -> statistics (per slab) -> table and figure of slices that look bad.
rule quality_slab:
    input:
        ASKS.quality_slab,
    output:
        "results/{volume}/work/quality/{slab}.parquet",
    log:
        "logs/quality_slab/{volume}/{slab}.log",
    benchmark:
        "logs/quality_slab/{volume}/{slab}.tsv"
    conda:
        "../../envs/workflow.yaml"
    resources:
        mem_mb=lambda wc, attempt: COSTS.mem_mb("quality_slab", wc, attempt),
        runtime=lambda wc, attempt: COSTS.minutes("quality_slab", wc, attempt),
    params:
        references=ASKS.quality_references,
        code=code_version("quality.statistics", "storage.arrays"),
    script:
        "../scripts/quality_slab.py"


rule quality:
    input:
        lambda wc: ASKS.all_slabs(wc, "work/quality/{slab}.parquet"),
    output:
        csv="results/{volume}/tables/slices.csv",
        parquet="results/{volume}/tables/slices.parquet",
        figure=report(
            "results/{volume}/figures/slices.png",
            caption="../report/slices.rst",
            category="Volume {volume}",
            subcategory="Input",
            labels={"figure": "quality of the slices"},
        ),
    log:
        "logs/quality/{volume}.log",
    benchmark:
        "logs/quality/{volume}.tsv"
    conda:
        "../../envs/workflow.yaml"
    resources:
        mem_mb=1500,
        runtime=20,
    params:
        settings=CONFIG["quality"],
        slices=lambda wc: PLAN.slices(wc.volume),
        first=lambda wc: PLAN.volumes[wc.volume].roi[0][0],
        code=code_version("quality.flags", "figures.slice_quality"),
    script:
        "../scripts/quality.py"
