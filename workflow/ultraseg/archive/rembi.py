"""A sheet for the BioImage Archive: the fields of REMBI and MIFA, filled with what the run knows.

REMBI: recommended metadata for biological images (Sarkans et al. 2021); MIFA: guidelines for annotations of images
(Zulueta-Coarasa et al. 2025).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

ASK = "(to be filled in)"
COLUMNS = ("guideline", "module", "field", "value")
# What no run knows: fields that people fill in, by module.
OPEN = {
    ("REMBI", "Study"): ("Keywords", "Funding", "Publications", "Links", "Acknowledgements"),
    ("REMBI", "Biosample"): (
        "Biological entity", "Organism", "Intrinsic variable", "Extrinsic variable", "Experimental variable",
    ),
    ("REMBI", "Specimen"): (
        "Sample preparation", "Growth protocol", "Experimental status", "Location within biosample",
    ),
    ("REMBI", "Image acquisition"): ("Imaging instrument", "Image acquisition parameters"),
}  # fmt: skip


def sheet(facts: Mapping[str, Any], volumes: Mapping[str, Mapping[str, Any]]) -> str:
    """The sheet as text with tabs, one field a line.

    facts: from ``crate.gather``; volumes: of each volume its shape and voxel size (z, y, x), its labelled slices by
    structure, the kinds of structures, and its scores.
    """
    rows: list[tuple[str, str, str, str]] = [
        ("REMBI", "Study", "Title", facts["name"]),
        ("REMBI", "Study", "Description", facts["description"]),
        ("REMBI", "Study", "Author(s)", "; ".join(one["name"] for one in facts["authors"])),
        ("REMBI", "Study", "License", facts["licence"]),
    ]
    rows += _open(("REMBI", "Study"))
    for name in volumes:
        rows.append(("REMBI", "Study component", "Name", name))
    for module in list(OPEN)[1:]:
        rows += _open(module)
    rows.append(("REMBI", "Image acquisition", "Imaging method", "volume electron microscopy " + ASK))
    for name, about in volumes.items():
        rows += _of_volume(name, about, facts)
    lines = ["\t".join(COLUMNS), *("\t".join(_plain(word) for word in row) for row in rows)]
    return "\n".join(lines) + "\n"


def _open(module: tuple[str, str]) -> list[tuple[str, str, str, str]]:
    return [(*module, field, ASK) for field in OPEN[module]]


def _of_volume(
    name: str, about: Mapping[str, Any], facts: Mapping[str, Any]
) -> list[tuple[str, str, str, str]]:
    size, nm = about["shape"], about["voxel_size_nm"]
    image = [
        ("Type", "grey values of electron microscopy, three dimensions"),
        ("Format and compression", "OME-Zarr 0.5 (Zarr 3, sharded, Blosc with zstd)"),
        ("Dimension extents", f"z {size[0]}, y {size[1]}, x {size[2]}"),
        ("Pixel/voxel size description", f"z {nm[0]:g}, y {nm[1]:g}, x {nm[2]:g} nm"),
        (
            "Size description",
            " x ".join(f"{n * s / 1000:.4g}" for n, s in zip(size, nm, strict=True)) + " µm (z, y, x)",
        ),
        ("Channel information", "one channel"),
    ]
    rows = [("REMBI", f"Image data: {name}", field, value) for field, value in image]
    for structure, kind in about["kinds"].items():
        zs = about["labelled"].get(structure, 0)
        scores = "; ".join(f"{key} {value:.3f}" for key, value in about["scores"].get(structure, ()))
        told = {
            "Annotation type": "class label and instance mask" if kind != "mask" else "semantic mask",
            "Annotation method": (
                f"labels drawn by people on {zs} of {size[0]} slices; all other slices by ultraseg {facts['version']}"
            ),
            "Annotation criteria": ASK,
            "Annotation coverage": f"whole volume; by hand {zs} of {size[0]} slices",
            "Annotation confidence level": scores or "not measured: no labelled slice was held out",
            "Spatial information": "pixels of the image, in image.zarr/labels/" + structure,
            "Authors": "; ".join(one["name"] for one in facts["authors"]),
            "License": facts["licence"],
        }
        rows += [
            ("MIFA", f"Annotations: {structure} of {name}", field, value) for field, value in told.items()
        ]
    return rows


def _plain(text: str) -> str:
    """A text without tabs and line breaks, which are those of the sheet."""
    return " ".join(str(text).split())


def scores_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[tuple[str, float]]]:
    """Dice by structure, from rows of the table of scores: the split and the value."""
    found: dict[str, list[tuple[str, float]]] = {}
    for row in rows:
        if row["metric"] == "dice" and row["value"] == row["value"]:
            found.setdefault(row["structure"], []).append((f"Dice ({row['split']})", float(row["value"])))
    return found
