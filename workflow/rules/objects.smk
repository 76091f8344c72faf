# objects: probability maps -> 3D objects of organelles: label each slab, join them across slab faces, renumber.
rule objects_label:
    input:
        card=lambda wc: f"results/models/{PLAN.network_of(wc.structure).name}.json",
        probability=ASKS.slab_probability,
    output:
        "results/{volume}/work/objects/{structure}/{slab}.npz",
    log:
        "logs/objects_label/{volume}/{structure}/{slab}.log",
    benchmark:
        "logs/objects_label/{volume}/{structure}/{slab}.tsv"
    conda:
        "../../envs/workflow.yaml"
    resources:
        mem_mb=lambda wc, attempt: COSTS.mem_mb("objects_label", wc, attempt),
        runtime=lambda wc, attempt: COSTS.minutes("objects_label", wc, attempt),
    params:
        plan=together(
            settings=lambda wc: PLAN.object_settings(wc.structure),
            slab=lambda wc: PLAN.volumes[wc.volume].slab(int(wc.slab)),
            shape=lambda wc: PLAN.volumes[wc.volume].shape,
        ),
        code=code_version("objects.organelles", "networks.card"),
    script:
        "../scripts/objects_label.py"


rule objects_merge:
    input:
        lambda wc: ASKS.all_slabs(wc, f"work/objects/{wc.structure}/{{slab}}.npz"),
    output:
        "results/{volume}/work/objects/{structure}.npz",
    log:
        "logs/objects_merge/{volume}/{structure}.log",
    benchmark:
        "logs/objects_merge/{volume}/{structure}.tsv"
    conda:
        "../../envs/workflow.yaml"
    resources:
        mem_mb=lambda wc, attempt: COSTS.mem_mb("objects_merge", wc, attempt),
        runtime=lambda wc, attempt: COSTS.minutes("objects_merge", wc, attempt),
    params:
        min_voxels=lambda wc: PLAN.structures[wc.structure]["min_voxels"],
        code=code_version("objects.organelles"),
    script:
        "../scripts/objects_merge.py"


rule objects:
    input:
        card=lambda wc: f"results/models/{PLAN.network_of(wc.structure).name}.json",
        probability=ASKS.slab_probability,
        merged=lambda wc: (
            f"results/{wc.volume}/work/objects/{wc.structure}.npz"
            if PLAN.structures[wc.structure]["kind"] == "organelle"
            else []
        ),
        array="results/{volume}/image.zarr/labels/{structure}/0/zarr.json",  # one job writes those of all levels
    output:
        expand("results/{{volume}}/image.zarr/labels/{{structure}}/{level}/c/{{slab}}/0/0", level=LEVELS),
    log:
        "logs/objects/{volume}/{structure}/{slab}.log",
    benchmark:
        "logs/objects/{volume}/{structure}/{slab}.tsv"
    wildcard_constraints:
        structure="|".join(s for s in PLAN.structures if s != PLAN.cells) or "none",
    conda:
        "../../envs/workflow.yaml"
    resources:
        mem_mb=lambda wc, attempt: COSTS.mem_mb("objects", wc, attempt),
        runtime=lambda wc, attempt: COSTS.minutes("objects", wc, attempt),
    params:
        plan=together(
            settings=lambda wc: PLAN.object_settings(wc.structure),
            slab=lambda wc: PLAN.volumes[wc.volume].slab(int(wc.slab)),
            slab_number=lambda wc: int(wc.slab),
            shape=lambda wc: PLAN.volumes[wc.volume].shape,
            levels=lambda wc: [tuple(level.factor) for level in PLAN.volumes[wc.volume].levels],
        ),
        code=code_version("objects.organelles", "storage.pyramid", "networks.card"),
    script:
        "../scripts/objects.py"
