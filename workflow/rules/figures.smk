# figures: what the report shows of each volume and each network.
rule figures:
    input:
        image=lambda wc: ASKS.image(wc.volume, 0, PLAN.volumes[wc.volume].n_slices),
        final=ASKS.all_final,
        small=ASKS.smallest_cells,
        coverage=ASKS.coverage,
        metrics="results/{volume}/metrics.csv",
        cells="results/{volume}/tables/cells.parquet",
        links=lambda wc: (f"results/{wc.volume}/tables/links.parquet" if PLAN.has_cells(wc.volume) else []),
    output:
        raw=report(
            "results/{volume}/figures/raw.jpg",
            caption="../report/montage.rst",
            category="Volume {volume}",
            subcategory="Slices",
            labels={"figure": "slices", "labels": "no"},
        ),
        overlay=report(
            "results/{volume}/figures/overlay.jpg",
            caption="../report/montage.rst",
            category="Volume {volume}",
            subcategory="Slices",
            labels={"figure": "slices", "labels": "yes"},
        ),
        rendering=report(
            "results/{volume}/figures/rendering.png",
            caption="../report/rendering.rst",
            category="Volume {volume}",
            subcategory="Cells",
            labels={"figure": "cells in 3D"},
        ),
        volumes=report(
            "results/{volume}/figures/volumes.png",
            caption="../report/volumes.rst",
            category="Volume {volume}",
            subcategory="Cells",
            labels={"figure": "cell volumes"},
        ),
        links=report(
            "results/{volume}/figures/links.png",
            caption="../report/links.rst",
            category="Volume {volume}",
            subcategory="Links",
            labels={"figure": "outcomes of linking"},
        ),
        coverage=report(
            "results/{volume}/figures/labelled_slices.png",
            caption="../report/labelled_slices.rst",
            category="Volume {volume}",
            subcategory="Input",
            labels={"figure": "labelled slices"},
        ),
        metrics=report(
            "results/{volume}/figures/metrics.png",
            caption="../report/metrics.rst",
            category="Volume {volume}",
            subcategory="Accuracy",
            labels={"figure": "accuracy"},
        ),
        distance=report(
            "results/{volume}/figures/distance.png",
            caption="../report/distance.rst",
            category="Volume {volume}",
            subcategory="Accuracy",
            labels={"figure": "accuracy by distance"},
        ),
    log:
        "logs/figures/{volume}.log",
    benchmark:
        "logs/figures/{volume}.tsv"
    conda:
        "../../envs/workflow.yaml"
    resources:
        mem_mb=lambda wc, attempt: COSTS.mem_mb("figures", wc, attempt),
        runtime=lambda wc, attempt: COSTS.minutes("figures", wc, attempt),
    params:
        slices=CONFIG["report"]["montage_slices"],
        structures=lambda wc: {s: PLAN.structures[s]["kind"] for s in PLAN.structures_in(wc.volume)},
        level=lambda wc: PLAN.volumes[wc.volume].view_level,
        factor=lambda wc: PLAN.volumes[wc.volume].levels[PLAN.volumes[wc.volume].view_level].factor,
        shape=lambda wc: PLAN.volumes[wc.volume].shape,
        voxel_size_nm=lambda wc: PLAN.volumes[wc.volume].voxel_size_nm,
        code=code_version(
            "figures.charts", "figures.cells_3d", "evaluate.scores", "figures.volume_arrays"
        ),
    script:
        "../scripts/figures.py"


rule figure_cell:
    # One cell in 3D, with its protrusions and organelles.
    input:
        unpack(ASKS.cell_in_3d),
        cells="results/{volume}/tables/cells.parquet",
    output:
        report(
            "results/{volume}/figures/cell.png",
            caption="../report/cell.rst",
            category="Volume {volume}",
            subcategory="Cells",
            labels={"figure": "one cell in 3D"},
        ),
    log:
        "logs/figure_cell/{volume}.log",
    benchmark:
        "logs/figure_cell/{volume}.tsv"
    conda:
        "../../envs/workflow.yaml"
    resources:
        # The parts of a cell on a grid of 320 steps take 1 GB at most.
        mem_mb=lambda wc, attempt: 1500 * attempt,
        runtime=lambda wc, attempt: COSTS.minutes("figures", wc, attempt),
    params:
        structures=lambda wc: {s: PLAN.structures[s]["kind"] for s in PLAN.structures_in(wc.volume)},
        level=lambda wc: PLAN.volumes[wc.volume].measure_level,
        factor=lambda wc: PLAN.volumes[wc.volume].levels[PLAN.volumes[wc.volume].measure_level].factor,
        voxel_size_nm=lambda wc: PLAN.volumes[wc.volume].voxel_size_nm,
        stand_ins=lambda wc: PLAN.volumes[wc.volume].good_slices.replaced,
        downsample=lambda wc: PLAN.network_of(PLAN.cells).downsample if PLAN.cells else 1,
        code=code_version("figures.one_cell_3d", "figures.volume_arrays"),
    script:
        "../scripts/figure_cell.py"


rule figure_links:
    # Examples of every outcome of linking, cut out of the volume.
    input:
        image=lambda wc: ASKS.image(wc.volume, 0, PLAN.volumes[wc.volume].n_slices),
        final=lambda wc: ASKS.final(wc.volume, PLAN.cells, 0, PLAN.volumes[wc.volume].n_slices),
        pieces=lambda wc: ASKS.array(wc.volume, "work/pieces", PLAN.volumes[wc.volume].slabs),
        nodes="results/{volume}/work/link/nodes.parquet",
        links="results/{volume}/tables/links.parquet",
    output:
        report(
            "results/{volume}/figures/link_examples.jpg",
            caption="../report/link_examples.rst",
            category="Volume {volume}",
            subcategory="Links",
            labels={"figure": "examples of each outcome"},
        ),
    log:
        "logs/figure_links/{volume}.log",
    benchmark:
        "logs/figure_links/{volume}.tsv"
    conda:
        "../../envs/workflow.yaml"
    resources:
        # Crops of at most 320 pixels, and the table of fragments.
        mem_mb=lambda wc, attempt: 1500 * attempt,
        runtime=15,
    params:
        cells=PLAN.cells,
        bad=lambda wc: PLAN.volumes[wc.volume].bad,
        shape=lambda wc: PLAN.volumes[wc.volume].shape,
        voxel_size_nm=lambda wc: PLAN.volumes[wc.volume].voxel_size_nm,
        downsample=lambda wc: PLAN.network_of(PLAN.cells).downsample if PLAN.cells else 1,
        code=code_version("figures.link_examples"),
    script:
        "../scripts/figure_links.py"


rule learning_curves:
    input:
        "results/models/{network}.history.csv",
    output:
        report(
            "results/models/{network}.learning_curves.png",
            caption="../report/learning_curves.rst",
            category="Networks",
            labels={"figure": "learning curves of {network}"},
        ),
    log:
        "logs/learning_curves/{network}.log",
    benchmark:
        "logs/learning_curves/{network}.tsv"
    conda:
        "../../envs/workflow.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code_version("figures.charts"),
    script:
        "../scripts/learning_curves.py"
