"""What a user reads when something is wrong: the file, the value and the cure, and no results that look finished."""

import shutil

import pytest
from workflow_run import Run, tiny_config


@pytest.fixture
def run(tmp_path, tissue):
    shutil.copytree(tissue, tmp_path / "data")
    return Run(tmp_path / "run", tiny_config(tmp_path / "data"))


def fails_with(run: Run, *words: str, arguments=("--dry-run",)) -> str:
    text = run.snakemake(*arguments, check=False)
    for word in words:
        assert word in text, text[-3000:]
    return text


def test_mistyped_key_names_the_right_one(run):
    run.write_config(run.config | {"slab_dept": 3})
    text = fails_with(run, "slab_dept", "did you mean 'slab_depth'?", "config/README.md")
    assert "Traceback" not in text


def test_missing_image_folder(run):
    shutil.rmtree(run.folder.parent / "data/image")
    fails_with(run, "volumes.tiny.image", "no such file or folder", "Cure:")


def test_gap_in_the_slice_numbers(run):
    (run.folder.parent / "data/image/z0007.tif").unlink()
    fails_with(run, "slice(s) missing", ": 7")


def test_label_outside_the_stack(run):
    labels = run.folder.parent / "data/labels/cells"
    shutil.copy(labels / "z0000.tif", labels / "z0099.tif")
    fails_with(run, "z0099.tif is slice 99", "slices 0 to 17", "first_slice_number")


def test_truncated_tiff_stops_its_slab_and_the_cure_completes_it(run):
    file = run.folder.parent / "data/image/z0009.tif"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    slab = "results/tiny/image.zarr/0/c/1/0/0"
    fails_with(run, "z0009.tif: truncated", "Cure:", arguments=(slab,))
    assert not (
        run.folder / "logs/ingest"
    ).exists()  # the check at the start stops the run before its first job
    fails_with(run, "z0009.tif", "Cure:", arguments=(slab, "--no-hooks"))
    assert not (run.folder / slab).exists()
    assert "z0009.tif" in (run.folder / "logs/ingest/tiny/1.log").read_text()
    file.write_bytes(whole)
    run.snakemake(slab)
    assert (run.folder / slab).exists()


def test_label_of_the_wrong_size(run):
    import numpy as np
    import tifffile

    tifffile.imwrite(run.folder.parent / "data/labels/cells/z0004.tif", np.ones((50, 96), np.uint16))
    fails_with(
        run, "z0004.tif", "50 x 96", "expected 96 x 96", arguments=("results/tiny/work/labels/cells.h5",)
    )
