# link: overlaps of pieces through z (per slab) -> each fragment joined to one cell, a new one or none (once)
# -> final cells (per slab).
rule link_edges:
    input:
        pieces=ASKS.edges,
        flow=ASKS.edges_flow,
    output:
        "results/{volume}/work/edges/{slab}.parquet",
    log:
        "logs/link_edges/{volume}/{slab}.log",
    benchmark:
        "logs/link_edges/{volume}/{slab}.tsv"
    conda:
        "../../envs/workflow.yaml"
    resources:
        mem_mb=lambda wc, attempt: COSTS.mem_mb("link_edges", wc, attempt),
        runtime=lambda wc, attempt: COSTS.minutes("link_edges", wc, attempt),
    params:
        max_gap=CONFIG["link"]["max_gap"],
        plan=together(
            slab=lambda wc: PLAN.volumes[wc.volume].slab(int(wc.slab)),
            walk=ASKS.edges_walk,
        ),
        code=code_version("link.edges"),
    script:
        "../scripts/link_edges.py"


rule link:
    input:
        tables=lambda wc: ASKS.all_slabs(wc, "work/pieces/tables/{slab}.parquet"),
        edges=lambda wc: ASKS.all_slabs(wc, "work/edges/{slab}.parquet"),
        labels=ASKS.cell_labels,
        pieces=ASKS.edited_pieces,
    output:
        nodes="results/{volume}/work/link/nodes.parquet",
        protrusions="results/{volume}/work/link/protrusions.parquet",
        ids="results/{volume}/work/link/ids.parquet",
        links="results/{volume}/tables/links.parquet",
        links_csv="results/{volume}/tables/links.csv",
    log:
        "logs/link/{volume}.log",
    benchmark:
        "logs/link/{volume}.tsv"
    conda:
        "../../envs/workflow.yaml"
    resources:
        mem_mb=lambda wc, attempt: COSTS.mem_mb("link", wc, attempt),
        runtime=lambda wc, attempt: COSTS.minutes("link", wc, attempt),
    params:
        settings={key: value for key, value in CONFIG["link"].items() if key != "max_gap"},
        edits=ASKS.cell_edits,
        voxels=ASKS.edited_voxels,
        downsample=lambda wc: PLAN.network_of(PLAN.cells).downsample,
        code=code_version("link.apply_edits", "storage.label_slices"),
    script:
        "../scripts/link.py"


rule link_relabel:
    input:
        nodes="results/{volume}/work/link/nodes.parquet",
        ids="results/{volume}/work/link/ids.parquet",
        pieces=ASKS.slab_pieces,
        labels=ASKS.cell_labels,
        array="results/{volume}/image.zarr/labels/{structure}/0/zarr.json",  # one job writes those of all levels
    output:
        expand("results/{{volume}}/image.zarr/labels/{{structure}}/{level}/c/{{slab}}/0/0", level=LEVELS),
    log:
        "logs/link_relabel/{volume}/{structure}/{slab}.log",
    benchmark:
        "logs/link_relabel/{volume}/{structure}/{slab}.tsv"
    wildcard_constraints:
        structure=PLAN.cells or "none",
    conda:
        "../../envs/workflow.yaml"
    resources:
        mem_mb=lambda wc, attempt: COSTS.mem_mb("link_relabel", wc, attempt),
        runtime=lambda wc, attempt: COSTS.minutes("link_relabel", wc, attempt),
    params:
        plan=together(
            downsample=lambda wc: PLAN.network_of(PLAN.cells).downsample,
            slab=lambda wc: PLAN.volumes[wc.volume].slab(int(wc.slab)),
            shape=lambda wc: PLAN.volumes[wc.volume].shape,
            stand_ins=ASKS.slab_stand_ins,
            levels=lambda wc: [tuple(level.factor) for level in PLAN.volumes[wc.volume].levels],
        ),
        code=code_version("link.nodes", "link.apply_edits", "storage.label_slices", "storage.pyramid"),
    script:
        "../scripts/link_relabel.py"
