# viewer: the volumes as pages for any web server. Nothing asks for them but `snakemake viewer`.
rule viewer:
    input:
        expand("results/{volume}/viewer", volume=PLAN.applied),


rule viewer_files:
    input:
        lambda wc: ASKS.whole_image(wc.volume),
        "results/{volume}/tables/cells.parquet",
        expand("results/models/{network}.json", network=PLAN.networks),
        script=workflow.source_path("../ultraseg/viewer/page.js"),
    output:
        directory("results/{volume}/viewer"),
    log:
        "logs/viewer_files/{volume}.log",
    conda:
        "../../envs/workflow.yaml"
    resources:
        mem_mb=lambda wc, attempt: 2000 * attempt,
        runtime=lambda wc, attempt: 60 * attempt,
    params:
        code=code_version("viewer.page"),
    script:
        "../scripts/viewer.py"
