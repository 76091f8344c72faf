# ingest: TIFF slices of one slab -> one shard of the image at every pyramid level.
rule window:
    # Grey values that become 0 and 255: given, or sampled; 8-bit images stay as they are.
    input:
        lambda wc: PLAN.volumes[wc.volume].image.files,
    output:
        "results/{volume}/work/window.json",
    log:
        "logs/window/{volume}.log",
    conda:
        "../../envs/workflow.yaml"
    resources:
        mem_mb=1500,
        runtime=20,
    params:
        given=lambda wc: PLAN.volumes[wc.volume].window,
        dtype=lambda wc: PLAN.volumes[wc.volume].dtype,
        slices=lambda wc: list(PLAN.volumes[wc.volume].image.slices),
        code=code_version("tiff"),
    script:
        "../scripts/window.py"


rule ingest:
    input:
        tiffs=ASKS.ingest,
        # An 8-bit image needs no window: its slabs must not wait for all slices.
        window=lambda wc: (
            [] if PLAN.volumes[wc.volume].dtype == "uint8" else f"results/{wc.volume}/work/window.json"
        ),
        arrays=expand("results/{{volume}}/image.zarr/{level}/zarr.json", level=LEVELS),
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
        mem_mb=lambda wc, attempt: attempt * ASKS.slab_mb(wc.volume, 6),
        runtime=lambda wc, attempt: 30 * attempt,
    params:
        slices=lambda wc: [
            tuple(ref)
            for ref in PLAN.volumes[wc.volume].recorded(*PLAN.volumes[wc.volume].slab(int(wc.slab)))
        ],
        slab=lambda wc: PLAN.volumes[wc.volume].slab(int(wc.slab)),
        bridges=lambda wc: PLAN.volumes[wc.volume].bridges(*PLAN.volumes[wc.volume].slab(int(wc.slab))),
        shape=lambda wc: PLAN.volumes[wc.volume].shape,
        dtype=lambda wc: PLAN.volumes[wc.volume].dtype,
        window=lambda wc: PLAN.volumes[wc.volume].window,
        levels=lambda wc: [tuple(level.factor) for level in PLAN.volumes[wc.volume].levels],
        code=code_version("tiff", "bridge", "pyramid"),
    script:
        "../scripts/ingest.py"
