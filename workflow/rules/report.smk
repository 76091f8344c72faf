# report: Snakemake's own report of figures, tables, run times and provenance, zipped; it opens offline.
rule report_figures:
    # Everything that the report shows.
    input:
        expand("results/{volume}/figures/overlay.png", volume=PLAN.applied),
        expand("results/{volume}/figures/slices.png", volume=PLAN.volumes),
        expand("results/models/{network}.learning_curves.png", network=PLAN.networks),
        expand("results/{volume}/tables/cells.csv", volume=PLAN.applied),


rule report:
    input:
        rules.report_figures.input,
    output:
        "results/report.zip",
    log:
        "logs/report.log",
    benchmark:
        "logs/report.tsv"
    conda:
        "../../envs/workflow.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        snakefile=workflow.main_snakefile,
        config=config,
        code=code_version("reporting"),
    script:
        "../scripts/report.py"
