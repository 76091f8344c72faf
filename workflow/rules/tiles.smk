# tiles: image and labels of the training and validation slices, cut together -> one file per network.
rule tiles:
    input:
        labels=ASKS.tile_labels,
        images=ASKS.tile_images,
    output:
        "results/models/{network}.tiles.h5",
    log:
        "logs/tiles/{network}.log",
    benchmark:
        "logs/tiles/{network}.tsv"
    conda:
        "../../envs/workflow.yaml"
    resources:
        mem_mb=lambda wc, attempt: COSTS.mem_mb("tiles", wc, attempt),
        runtime=lambda wc, attempt: COSTS.minutes("tiles", wc, attempt),
    params:
        network=lambda wc: {
            key: PLAN.networks[wc.network].settings[key]
            for key in ("downsample", "z_context", "boundary_width", "tile", "tiles_per_slice", "seed")
        }
        | {"stride": PLAN.networks[wc.network].stride},
        channels=lambda wc: PLAN.networks[wc.network].channels,
        kinds=lambda wc: {s: PLAN.structures[s]["kind"] for s in PLAN.networks[wc.network].structures},
        split=lambda wc: {v: PLAN.split(wc.network, v) for v in PLAN.networks[wc.network].train_on},
        labelled=lambda wc: {
            v: {s: PLAN.volumes[v].taught(s) for s in PLAN.networks[wc.network].structures}
            for v in PLAN.networks[wc.network].train_on
        },
        contexts=lambda wc: {v: PLAN.contexts(wc.network, v) for v in PLAN.networks[wc.network].train_on},
        code=code_version("train.volume_tiles"),
    script:
        "../scripts/tiles.py"
