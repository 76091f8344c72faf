# ingest: image slices of one slab -> one shard of the image at every pyramid level.
rule window:
    # Grey values that become 0 and 255, from slices of the whole stack, in the part of their plane that is used.
    input:
        ASKS.sampled,
    output:
        "results/{volume}/work/window.json",
    log:
        "logs/window/{volume}.log",
    benchmark:
        "logs/window/{volume}.tsv"
    conda:
        "../../envs/workflow.yaml"
    resources:
        mem_mb=lambda wc, attempt: COSTS.mem_mb("window", wc, attempt),
        runtime=lambda wc, attempt: COSTS.minutes("window", wc, attempt),
    params:
        slices=lambda wc: [tuple(ref) for ref in PLAN.volumes[wc.volume].sampled],
        plane=lambda wc: PLAN.volumes[wc.volume].full_shape[1:],
        dtype=lambda wc: PLAN.volumes[wc.volume].dtype,
        crop=lambda wc: PLAN.volumes[wc.volume].plane_crop,
        percentiles=lambda wc: PLAN.volumes[wc.volume].percentiles,
        code=code_version("ingest.read_slices", "ingest.grey_window"),
    script:
        "../scripts/window.py"


rule ingest:
    input:
        slices=ASKS.ingest,
        # An 8-bit image needs no window: its slabs must not wait for other slices.
        window=ASKS.window,
        array="results/{volume}/image.zarr/0/zarr.json",  # one job writes those of all levels
    output:
        expand("results/{{volume}}/image.zarr/{level}/c/{{slab}}/0/0", level=LEVELS),
    log:
        "logs/ingest/{volume}/{slab}.log",
    benchmark:
        "logs/ingest/{volume}/{slab}.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 2
    resources:
        mem_mb=lambda wc, attempt: COSTS.mem_mb("ingest", wc, attempt),
        runtime=lambda wc, attempt: COSTS.minutes("ingest", wc, attempt),
    params:
        plan=together(
            slices=lambda wc: [
                tuple(ref)
                for ref in PLAN.volumes[wc.volume].recorded(*PLAN.volumes[wc.volume].slab(int(wc.slab)))
            ],
            slab=lambda wc: PLAN.volumes[wc.volume].slab(int(wc.slab)),
            bridges=lambda wc: PLAN.volumes[wc.volume].bridges(*PLAN.volumes[wc.volume].slab(int(wc.slab))),
            plane=lambda wc: PLAN.volumes[wc.volume].full_shape[1:],
            crop=lambda wc: PLAN.volumes[wc.volume].plane_crop,
            dtype=lambda wc: PLAN.volumes[wc.volume].dtype,
            window=lambda wc: PLAN.volumes[wc.volume].window,
            bit_depth=lambda wc: PLAN.volumes[wc.volume].bit_depth,
            levels=lambda wc: [tuple(level.factor) for level in PLAN.volumes[wc.volume].levels],
        ),
        code=code_version("ingest.read_slices", "ingest.grey_window", "ingest.fill_missing", "storage.pyramid"),
    script:
        "../scripts/ingest.py"
