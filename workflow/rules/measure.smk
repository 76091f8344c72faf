# measure: final labels -> sums per slab -> tables of cells, contacts, organelles and protrusions in micrometres.
rule measure_slab:
    input:
        ASKS.measure_slab,
    output:
        labels="results/{volume}/work/measures/{slab}.labels.parquet",
        contacts="results/{volume}/work/measures/{slab}.contacts.parquet",
        joint="results/{volume}/work/measures/{slab}.joint.parquet",
    log:
        "logs/measure_slab/{volume}/{slab}.log",
    benchmark:
        "logs/measure_slab/{volume}/{slab}.tsv"
    conda:
        "../../envs/workflow.yaml"
    resources:
        mem_mb=lambda wc, attempt: COSTS.mem_mb("measure_slab", wc, attempt),
        runtime=lambda wc, attempt: COSTS.minutes("measure_slab", wc, attempt),
    params:
        plan=together(
            structures=lambda wc: PLAN.structures_in(wc.volume),
            within=lambda wc: PLAN.containers_in(wc.volume),
            touching=lambda wc: [s for s in PLAN.structures_in(wc.volume) if s == PLAN.cells],
            slab=lambda wc: PLAN.volumes[wc.volume].slab(int(wc.slab)),
            n_slices=lambda wc: PLAN.volumes[wc.volume].n_slices,
        ),
        code=code_version("measure.slab"),
    script:
        "../scripts/measure_slab.py"


rule measure:
    input:
        unpack(ASKS.link_tables),
        unpack(ASKS.measured_level),
        labels=lambda wc: ASKS.all_slabs(wc, "work/measures/{slab}.labels.parquet"),
        contacts=lambda wc: ASKS.all_slabs(wc, "work/measures/{slab}.contacts.parquet"),
        joint=lambda wc: ASKS.all_slabs(wc, "work/measures/{slab}.joint.parquet"),
    output:
        expand(
            "results/{{volume}}/tables/{table}.{kind}",
            table=["cells", "contacts", "organelles", "protrusions"],
            kind=["csv", "parquet"],
        ),
    log:
        "logs/measure/{volume}.log",
    benchmark:
        "logs/measure/{volume}.tsv"
    conda:
        "../../envs/workflow.yaml"
    resources:
        mem_mb=lambda wc, attempt: COSTS.mem_mb("measure", wc, attempt),
        runtime=lambda wc, attempt: COSTS.minutes("measure", wc, attempt),
    params:
        organelles=lambda wc: PLAN.organelles_in(wc.volume),
        masks=lambda wc: PLAN.masks_in(wc.volume),
        containers=lambda wc: PLAN.containers_in(wc.volume),
        shape=lambda wc: PLAN.volumes[wc.volume].shape,
        stand_ins=lambda wc: PLAN.volumes[wc.volume].good_slices.replaced,
        voxel_size_nm=lambda wc: PLAN.volumes[wc.volume].voxel_size_nm,
        cell_downsample=lambda wc: PLAN.network_of(PLAN.cells).downsample if PLAN.cells else 1,
        level=lambda wc: PLAN.volumes[wc.volume].measure_level,
        factor=lambda wc: PLAN.volumes[wc.volume].levels[PLAN.volumes[wc.volume].measure_level].factor,
        code=code_version("measure.tables", "measure.lengths", "measure.distances", "storage.arrays"),
    script:
        "../scripts/measure.py"
