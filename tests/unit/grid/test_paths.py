"""Every file of a run has one name, and no two things have the same one."""

import inspect

import pytest
from ultraseg.grid.paths import (
    NetworkFiles,
    VolumeFiles,
    benchmark_file,
    log_file,
    metadata,
    shard_file,
)


def test_slab_files_have_one_zero_per_further_axis():
    assert shard_file("a.zarr/0", 12) == "a.zarr/0/c/12/0/0"
    assert shard_file("work/flow", 0, 4) == "work/flow/c/0/0/0/0"


def test_files_of_arrays_keep_wildcards():
    assert shard_file("{array}", "{slab}") == "{array}/c/{slab}/0/0"
    assert metadata("work/flow") == "work/flow/zarr.json"


@pytest.mark.parametrize("of, suffix", [(log_file, "log"), (benchmark_file, "tsv")])
def test_a_job_has_a_file_below_the_folder_of_its_rule(of, suffix):
    assert of("predict", "a", "detail", "7") == f"logs/predict/a/detail/7.{suffix}"
    assert of("report") == f"logs/report.{suffix}"


def names(files) -> dict[str, str]:
    """What every property and method names, with the method's own parameters as wildcards."""
    found = {}
    for name, member in inspect.getmembers(type(files)):
        if isinstance(member, property):
            found[name] = getattr(files, name)
        elif inspect.isfunction(member) and not name.startswith("_"):
            parameters = inspect.signature(member).parameters.values()
            needed = [f"{{{p.name}}}" for p in parameters if p.default is p.empty and p.name != "self"]
            found[name] = getattr(files, name)(*needed)
    return found


@pytest.mark.parametrize("files", [VolumeFiles("elsewhere/{volume}"), NetworkFiles("{network}")])
def test_no_two_things_share_a_name(files):
    found = names(files)
    assert len(found) > 5
    assert len(set(found.values())) == len(found), found
    if isinstance(files, VolumeFiles):
        assert all(name.startswith("elsewhere/{volume}/") for name in found.values())
    else:
        assert all(name.startswith("results/models/") and "{network}" in name for name in found.values())


def test_volumes_of_this_run_lie_in_results():
    files = VolumeFiles.of("{volume}")
    assert files == VolumeFiles("results/{volume}")
    assert files.image == "results/{volume}/image.zarr"
    assert files.labels_level("cells") == "results/{volume}/image.zarr/labels/cells/0"
    assert files.labels_level("cells", 2) == "results/{volume}/image.zarr/labels/cells/2"
    assert files.piece_table(3) == "results/{volume}/work/pieces/tables/3.parquet"


def test_corrected_labels_do_not_overwrite_the_first_ones():
    files = VolumeFiles.of("a")
    assert files.checked_labels("cells") == "results/a/work/labels/cells.h5"
    assert files.checked_labels("cells", corrected=True) == "results/a/work/labels/cells.corrected.h5"
    assert files.coverage("cells", corrected=True) == "results/a/work/labels/cells.corrected.csv"
