# figures: what the report shows of each volume and each network.
rule figures:
    input:
        unpack(RULES.inputs("figures")),
    output:
        raw=report(
            V.figure("raw.jpg"),
            caption="../report/montage.rst",
            category="Volume {volume}",
            subcategory="Slices",
            labels={"figure": "slices", "labels": "no"},
        ),
        overlay=report(
            V.figure("overlay.jpg"),
            caption="../report/montage.rst",
            category="Volume {volume}",
            subcategory="Slices",
            labels={"figure": "slices", "labels": "yes"},
        ),
        rendering=report(
            V.figure("rendering.png"),
            caption="../report/rendering.rst",
            category="Volume {volume}",
            subcategory="Cells",
            labels={"figure": "cells in 3D"},
        ),
        volumes=report(
            V.figure("volumes.png"),
            caption="../report/volumes.rst",
            category="Volume {volume}",
            subcategory="Cells",
            labels={"figure": "cell volumes"},
        ),
        links=report(
            V.figure("links.png"),
            caption="../report/links.rst",
            category="Volume {volume}",
            subcategory="Links",
            labels={"figure": "outcomes of linking"},
        ),
        coverage=report(
            V.figure("labelled_slices.png"),
            caption="../report/labelled_slices.rst",
            category="Volume {volume}",
            subcategory="Input",
            labels={"figure": "labelled slices"},
        ),
        metrics=report(
            V.figure("metrics.png"),
            caption="../report/metrics.rst",
            category="Volume {volume}",
            subcategory="Accuracy",
            labels={"figure": "accuracy"},
        ),
        distance=report(
            V.figure("distance.png"),
            caption="../report/distance.rst",
            category="Volume {volume}",
            subcategory="Accuracy",
            labels={"figure": "accuracy by distance"},
        ),
    log:
        log_file("figures", "{volume}"),
    benchmark:
        benchmark_file("figures", "{volume}")
    conda:
        ENVIRONMENT
    resources:
        mem_mb=RULES.mem_mb("figures"),
        runtime=RULES.minutes("figures"),
    params:
        job=RULES.told("figures"),
        code=script_version("figures/figures"),
    script:
        "../scripts/figures/figures.py"


rule figure_cell:
    # One cell in 3D, with its protrusions and organelles.
    input:
        unpack(RULES.inputs("figure_cell")),
    output:
        report(
            V.figure("cell.png"),
            caption="../report/cell.rst",
            category="Volume {volume}",
            subcategory="Cells",
            labels={"figure": "one cell in 3D"},
        ),
    log:
        log_file("figure_cell", "{volume}"),
    benchmark:
        benchmark_file("figure_cell", "{volume}")
    conda:
        ENVIRONMENT
    resources:
        mem_mb=RULES.mem_mb("figure_cell"),
        runtime=RULES.minutes("figure_cell"),
    params:
        job=RULES.told("figure_cell"),
        code=script_version("figures/figure_cell"),
    script:
        "../scripts/figures/figure_cell.py"


rule figure_links:
    # Examples of every outcome of linking, cut out of the volume.
    input:
        unpack(RULES.inputs("figure_links")),
    output:
        slices=report(
            V.figure("link_examples.jpg"),
            caption="../report/link_examples.rst",
            category="Volume {volume}",
            subcategory="Links",
            labels={"figure": "examples of each outcome"},
        ),
        in_3d=report(
            V.figure("link_examples_3d.png"),
            caption="../report/link_examples_3d.rst",
            category="Volume {volume}",
            subcategory="Links",
            labels={"figure": "examples of each outcome in 3D"},
        ),
    log:
        log_file("figure_links", "{volume}"),
    benchmark:
        benchmark_file("figure_links", "{volume}")
    conda:
        ENVIRONMENT
    resources:
        mem_mb=RULES.mem_mb("figure_links"),
        runtime=15,
    params:
        job=RULES.told("figure_links"),
        code=script_version("figures/figure_links"),
    script:
        "../scripts/figures/figure_links.py"


rule learning_curves:
    input:
        unpack(RULES.inputs("learning_curves")),
    output:
        report(
            N.figure("learning_curves"),
            caption="../report/learning_curves.rst",
            category="Networks",
            labels={"figure": "learning curves of {network}"},
        ),
    log:
        log_file("learning_curves", "{network}"),
    benchmark:
        benchmark_file("learning_curves", "{network}")
    conda:
        ENVIRONMENT
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        job=RULES.told("learning_curves"),
        code=script_version("figures/learning_curves"),
    script:
        "../scripts/figures/learning_curves.py"
