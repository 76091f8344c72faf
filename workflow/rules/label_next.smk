# label_next: propagation and decisions of linking -> which slices should be labelled next.
rule label_next:
    input:
        unpack(RULES.inputs("label_next")),
    output:
        csv=V.table("label_next", "csv"),
        parquet=V.table("label_next"),
        figure=report(
            V.figure("label_next.png"),
            caption="../report/label_next.rst",
            category="Volume {volume}",
            subcategory="Input",
            labels={"figure": "slices to label next"},
        ),
    log:
        log_file("label_next", "{volume}"),
    benchmark:
        benchmark_file("label_next", "{volume}")
    conda:
        ENVIRONMENT
    resources:
        mem_mb=RULES.mem_mb("label_next"),
        runtime=20,
    params:
        job=RULES.told("label_next"),
        code=script_version("evaluate/label_next"),
    script:
        "../scripts/evaluate/label_next.py"
