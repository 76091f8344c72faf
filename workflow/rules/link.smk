# link: overlaps of pieces through z (per slab) -> each fragment joined to one cell, a new one or none (once)
# -> final cells (per slab).
rule link_edges:
    input:
        unpack(RULES.inputs("link_edges")),
    output:
        V.edges("{slab}"),
    log:
        log_file("link_edges", "{volume}", "{slab}"),
    benchmark:
        benchmark_file("link_edges", "{volume}", "{slab}")
    conda:
        ENVIRONMENT
    resources:
        mem_mb=RULES.mem_mb("link_edges"),
        runtime=RULES.minutes("link_edges"),
    params:
        job=RULES.told("link_edges"),
        code=script_version("link/link_edges"),
    script:
        "../scripts/link/link_edges.py"


rule link:
    input:
        unpack(RULES.inputs("link")),
    output:
        nodes=V.link("nodes"),
        protrusions=V.link("protrusions"),
        ids=V.link("ids"),
        links=V.table("links"),
        links_csv=V.table("links", "csv"),
        meetings=V.table("meetings"),
        meetings_csv=V.table("meetings", "csv"),
    log:
        log_file("link", "{volume}"),
    benchmark:
        benchmark_file("link", "{volume}")
    conda:
        ENVIRONMENT
    resources:
        mem_mb=RULES.mem_mb("link"),
        runtime=RULES.minutes("link"),
    params:
        job=RULES.told("link"),
        code=script_version("link/link"),
    script:
        "../scripts/link/link.py"


rule link_relabel:
    input:
        unpack(RULES.inputs("link_relabel")),
    output:
        [shard_file(V.labels_level("{structure}", level), "{slab}") for level in LEVELS],
    log:
        log_file("link_relabel", "{volume}", "{structure}", "{slab}"),
    benchmark:
        benchmark_file("link_relabel", "{volume}", "{structure}", "{slab}")
    wildcard_constraints:
        structure="none" if PLAN.ready_cells else PLAN.cells or "none",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=RULES.mem_mb("link_relabel"),
        runtime=RULES.minutes("link_relabel"),
    params:
        job=RULES.told("link_relabel"),
        code=script_version("link/link_relabel"),
    script:
        "../scripts/link/link_relabel.py"
