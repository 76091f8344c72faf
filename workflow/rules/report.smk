# report: pages of tables and of facts about the run, then Snakemake's own report of all of it, zipped; it opens offline.
# Files of volumes and networks that the report shows, beside the facts about the run itself.
SHOWN = [
    *[VolumeFiles.of(v).figure(name) for v in PLAN.applied for name in ("overlay.jpg", "cell.png")],
    *[
        VolumeFiles.of(v).figure(name)
        for v in PLAN.applied
        if PLAN.has_cells(v)
        for name in ("link_examples.jpg", "label_next.png")
    ],
    *[VolumeFiles.of(v).figure("slices.png") for v in PLAN.volumes],
    *[VolumeFiles.of(v).page("cells") for v in PLAN.applied],
    *[NetworkFiles(n).figure(name) for n in PLAN.trained for name in ("augmentation", "learning_curves")],
]


rule report_tables:
    # Tables and scores as pages to look through; the tables themselves are files of their own.
    input:
        unpack(RULES.inputs("report_tables")),
    output:
        **{
            table: report(
                V.page(table),
                caption="../report/table.rst",
                category="Volume {volume}",
                subcategory="Tables",
                labels={"table": table},
            )
            for table in (*OF_ALL, *OF_CELLS)
        },
        accuracy=report(
            V.page("accuracy"),
            caption="../report/accuracy.rst",
            category="Volume {volume}",
            subcategory="Accuracy",
            labels={"figure": "all scores with definitions"},
        ),
    log:
        log_file("report_tables", "{volume}"),
    benchmark:
        benchmark_file("report_tables", "{volume}")
    conda:
        ENVIRONMENT
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=15,
    params:
        job=RULES.told("report_tables"),
        code=script_version("report/report_tables"),
    script:
        "../scripts/report/report_tables.py"


rule report_run:
    # The last job but one, because the page tells of all other jobs.
    input:
        unpack(RULES.inputs("report_run")),
        shown=SHOWN,
    output:
        report(
            RUN_PAGE,
            caption="../report/run.rst",
            category="Overview",
            labels={"page": "facts about the run"},
        ),
    log:
        log_file("report_run"),
    benchmark:
        benchmark_file("report_run")
    conda:
        ENVIRONMENT
    resources:
        mem_mb=1000,
        runtime=15,
    params:
        job=RULES.told("report_run"),
        rules=[rule.name for rule in workflow.rules],
        code=script_version("report/report_run"),
    script:
        "../scripts/report/report_run.py"


rule report_figures:
    # Everything that the report shows.
    input:
        SHOWN,
        RUN_PAGE,


# Relative paths: a copy of a finished run, with its code beside it, is finished as well.
STYLESHEET = os.path.relpath(
    workflow.current_basedir.join("../report/style.css").get_path_or_uri(secret_free=True)
)


rule report:
    input:
        rules.report_figures.input,
        stylesheet=STYLESHEET,
    output:
        REPORT,
    log:
        log_file("report"),
    benchmark:
        benchmark_file("report")
    conda:
        ENVIRONMENT
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        job={"snakefile": os.path.relpath(workflow.main_snakefile), "config": config},
        code=script_version("report/report"),
    script:
        "../scripts/report/report.py"
