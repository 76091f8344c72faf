# report: pages of tables and of facts about the run, then Snakemake's own report of all of it, zipped; it opens offline.
TABLES = ["cells", "contacts", "organelles", "protrusions", "slices"]
OF_CELLS = ["links", "label_next"]


# Files of volumes and networks that the report shows, beside the facts about the run itself.
SHOWN = [
    *expand("results/{volume}/figures/{figure}", volume=PLAN.applied, figure=["overlay.jpg", "cell.png"]),
    *expand(
        "results/{volume}/figures/{figure}",
        volume=[v for v in PLAN.applied if PLAN.has_cells(v)],
        figure=["link_examples.jpg", "label_next.png"],
    ),
    *expand("results/{volume}/figures/slices.png", volume=PLAN.volumes),
    *expand("results/{volume}/pages/cells.html", volume=PLAN.applied),
    *expand(
        "results/models/{network}.{figure}.png",
        network=PLAN.trained,
        figure=["augmentation", "learning_curves"],
    ),
]


rule report_tables:
    # Tables and scores as pages; whoever wants more takes the files of the tables.
    input:
        tables=expand("results/{{volume}}/tables/{table}.parquet", table=TABLES),
        of_cells=lambda wc: [
            f"results/{wc.volume}/tables/{table}.parquet" for table in OF_CELLS if PLAN.has_cells(wc.volume)
        ],
        metrics="results/{volume}/metrics.csv",
    output:
        **{
            table: report(
                f"results/{{volume}}/pages/{table}.html",
                caption="../report/table.rst",
                category="Volume {volume}",
                subcategory="Tables",
                labels={"table": table},
            )
            for table in [*TABLES, *OF_CELLS]
        },
        accuracy=report(
            "results/{volume}/pages/accuracy.html",
            caption="../report/accuracy.rst",
            category="Volume {volume}",
            subcategory="Accuracy",
            labels={"figure": "all scores with definitions"},
        ),
    log:
        "logs/report_tables/{volume}.log",
    benchmark:
        "logs/report_tables/{volume}.tsv"
    conda:
        "../../envs/workflow.yaml"
    resources:
        mem_mb=lambda wc, attempt: 2000 * attempt,
        runtime=15,
    params:
        code=code_version("report.pages"),
    script:
        "../scripts/report_tables.py"


rule report_run:
    # The last job but one: it tells of all others.
    input:
        SHOWN,
        cards=expand("results/models/{network}.json", network=PLAN.networks),
        devices=[file for volume in PLAN.applied for file in ASKS.device_records(volume)],
    output:
        report(
            "results/run.html",
            caption="../report/run.rst",
            category="Overview",
            labels={"page": "facts about the run"},
        ),
    log:
        "logs/report_run.log",
    benchmark:
        "logs/report_run.tsv"
    conda:
        "../../envs/workflow.yaml"
    resources:
        mem_mb=1000,
        runtime=15,
    params:
        config=CONFIG,
        facts={f"volume {name}": volume.description for name, volume in PLAN.volumes.items()},
        n_slabs={name: len(volume.slabs) for name, volume in PLAN.volumes.items()},
        rules=[rule.name for rule in workflow.rules],
        code=code_version("report.run_facts", "report.pages"),
    script:
        "../scripts/report_run.py"


rule report_figures:
    # Everything that the report shows.
    input:
        SHOWN,
        "results/run.html",


# Relative paths: a copy of a finished run, with its code beside it, is finished as well.
STYLESHEET = os.path.relpath(
    workflow.current_basedir.join("../report/style.css").get_path_or_uri(secret_free=True)
)


rule report:
    input:
        rules.report_figures.input,
        stylesheet=STYLESHEET,
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
        snakefile=os.path.relpath(workflow.main_snakefile),
        config=config,
        code=code_version("report.snakemake_report"),
    script:
        "../scripts/report.py"
