# label_next: propagation and decisions of linking -> which slices should be labelled next.
rule label_next:
    input:
        nodes="results/{volume}/work/link/nodes.parquet",
        propagated=lambda wc: [
            f"results/{wc.volume}/work/propagated/{gap.name}.h5" for gap in PLAN.gaps(wc.volume)
        ],
        slices="results/{volume}/tables/slices.parquet",
    output:
        csv="results/{volume}/tables/label_next.csv",
        parquet="results/{volume}/tables/label_next.parquet",
        figure=report(
            "results/{volume}/figures/label_next.png",
            caption="../report/label_next.rst",
            category="Volume {volume}",
            subcategory="Input",
            labels={"figure": "slices to label next"},
        ),
    log:
        "logs/label_next/{volume}.log",
    benchmark:
        "logs/label_next/{volume}.tsv"
    conda:
        "../../envs/workflow.yaml"
    resources:
        # Of the table that linking holds, a few columns.
        mem_mb=lambda wc, attempt: COSTS.mem_mb("link", wc, attempt),
        runtime=20,
    params:
        labelled=lambda wc: PLAN.volumes[wc.volume].labelled(PLAN.cells),
        voxel_size_nm=lambda wc: PLAN.volumes[wc.volume].voxel_size_nm,
        downsample=lambda wc: PLAN.network_of(PLAN.cells).downsample,
        code=code_version("evaluate.label_next", "figures.label_next", "storage.label_slices"),
    script:
        "../scripts/label_next.py"
