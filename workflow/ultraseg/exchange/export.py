"""Results in forms that other software asks for: TIFF slices and stacks, webKnossos, OME-Zarr 0.4 and SWC."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ultraseg.base.errors import UserError
from ultraseg.base.files import whole_folder
from ultraseg.exchange.tiff_write import label_slices, label_type, streamed_stack
from ultraseg.exchange.webknossos_write import write_annotation, write_dataset
from ultraseg.grid.paths import VolumeFiles
from ultraseg.storage.arrays import describe, read_image, read_slices, shape_of
from ultraseg.storage.finished_runs import choose_volume
from ultraseg.storage.ome_read import read_ome, read_scaling, structures_of

CHUNK = (16, 512, 512)


def export(
    folder: str | Path, names: Sequence[str], form: str, out: str | Path, dataset: str | None = None
) -> list[str]:
    """Write ``image`` or structures of the volume in ``folder`` to ``out`` in one of ``FORMATS``.

    ``dataset``: the name in webKnossos of what an annotation belongs to, by default that of the volume.
    Returns the paths. One slab or slice is in memory at a time; for OME-Zarr one slab per processor. Raises UserError
    where a slab is missing: the run must have finished.
    """
    out = Path(out)
    if form == "ome-zarr":
        return [_ome_zarr(Path(folder), names, out / f"{Path(folder).name}.ome.zarr")]
    if form == "webknossos":
        chosen = [name for name in names if name != "image"]
        return [write_dataset(Path(folder), chosen, out / f"{Path(folder).name}.webknossos")]
    if form == "webknossos-annotation":
        volume = Path(folder).name
        targets = {name: out / f"{volume}.{name}.annotation.zip" for name in names}
        return [write_annotation(Path(folder), name, to, dataset or volume) for name, to in targets.items()]
    if form == "swc":
        from ultraseg.viewer.skeletons import export_swc

        return export_swc(Path(folder), names, out)
    written = []
    for name in names:
        path = f"{_group(folder, name)}/0"
        shape, nm = shape_of(path), read_scaling(_group(folder, name))[0].size_nm
        dtype = "uint8" if name == "image" else _type(path, shape)
        if form == "slices":
            label_slices(
                out / name, _planes(path, shape, name), "uint32" if dtype == "float32" else dtype, nm
            )
            written.append(str(out / name))
        else:
            streamed_stack(out / f"{name}.tif", (p for _, p in _planes(path, shape, name)), shape, dtype, nm)
            written.append(str(out / f"{name}.tif"))
    return written


def _group(folder: str | Path, name: str) -> str:
    """The OME-Zarr group of the image or of a structure."""
    files = VolumeFiles(str(folder))
    return files.image if name == "image" else files.labels(name)


def _planes(path: str, shape: Sequence[int], name: str) -> Iterator[tuple[int, NDArray[Any]]]:
    read = read_image if name == "image" else read_slices
    depth = describe(path)[2][0]
    for start in range(0, shape[0], depth):
        for offset, plane in enumerate(read(path, start, min(start + depth, shape[0]))):
            yield start + offset, plane


def _type(path: str, shape: Sequence[int]) -> str:
    """The smallest type that holds all ids of an array."""
    return label_type(max(int(plane.max()) for _, plane in _planes(path, shape, "labels")))


def _ome_zarr(folder: Path, names: Sequence[str], target: Path) -> str:
    import dask
    import zarr
    from ome_zarr.format import FormatV04
    from ome_zarr.writer import write_multiscale, write_multiscale_labels

    if target.exists():
        raise UserError(f"{target}: is there already", "Remove it, or give another folder with --to.")
    target.parent.mkdir(parents=True, exist_ok=True)
    # Our own threads are waited for before the folder is removed after an error. Dask would leave its threads at work,
    # and they would write into the folder while it is removed.
    threads = ThreadPoolExecutor(os.cpu_count() or 1)
    with whole_folder(target) as part, threads, dask.config.set(pool=threads):
        group = zarr.open_group(part, mode="w", zarr_format=2)
        how = {"fmt": FormatV04(), "storage_options": {"chunks": CHUNK}}
        for name in ("image", *[n for n in names if n != "image"]):
            source = _group(folder, name)
            scales = read_ome(source)["multiscales"][0]
            levels = [_lazy(f"{source}/{one['path']}") for one in scales["datasets"]]
            transforms = [one["coordinateTransformations"] for one in scales["datasets"]]
            about = {"axes": scales["axes"], "coordinate_transformations": transforms}
            if name == "image":
                write_multiscale(levels, group, name=folder.name, **about, **how)
            else:
                write_multiscale_labels(levels, group, name=name, **about, **how)
    return str(target)


def _lazy(path: str) -> Any:
    """An array of the run as a Dask array of its slabs."""
    import dask.array as da
    from dask.delayed import delayed

    shape, dtype, (depth, *_) = describe(path)
    parts = [(start, min(start + depth, shape[0])) for start in range(0, shape[0], depth)]
    return da.concatenate(
        [
            da.from_delayed(delayed(read_slices)(path, *part), (part[1] - part[0], *shape[1:]), dtype)
            for part in parts
        ]
    )


def export_volume(
    directory: str | Path,
    volume: str | None,
    form: str,
    structures: Sequence[str] | None = None,
    to: str | Path | None = None,
    dataset: str | None = None,
) -> list[str]:
    """Write results of the run in ``directory`` in one of ``formats.FORMATS``; returns the paths.

    ``volume`` may be None where the run has one; ``structures``: 'image' or structures, all structures by default;
    ``to``: export/VOLUME in the folder of the run by default; ``dataset``: as of `export`. Raises UserError for a name
    that the run does not have, and for what the form cannot hold.
    """
    annotation = form == "webknossos-annotation"
    if dataset is not None and not annotation:
        raise UserError(
            f"--dataset {dataset}: {form} has no place for it",
            "Leave it out, or export webknossos-annotation.",
        )
    volume = choose_volume(directory, volume)
    folder = Path(directory, "results", volume)
    known = ["image", *structures_of(folder)]
    names = structures or known[1:]
    for name in names:
        if name not in known:
            raise UserError(
                f"--structures: {name} is not in volume {volume}", f"Choose among {', '.join(known)}."
            )
    if annotation and "image" in names:
        raise UserError(
            "--structures: image has no ids, so it makes no annotation",
            f"Choose among {', '.join(known[1:])}.",
        )
    return export(folder, names, form, to or Path(directory, "export", volume), dataset)
