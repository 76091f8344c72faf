"""Facts about a run, from the files that its jobs left."""

import json

import pytest
from ultraseg.report.run_facts import devices_used, job_costs, versions

HEAD = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


def benchmark(folder, name, seconds, rss, cpu):
    file = folder / f"{name}.tsv"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{HEAD}{seconds}\t0:00:01\t{rss}\t1\t1\t1\t0\t0\t50\t{cpu}\n")


def test_times_add_up_and_memory_is_the_highest(tmp_path):
    for slab, (seconds, rss) in enumerate([(2.0, 100.5), (4.0, 300.25), (9.0, "NA")]):
        benchmark(tmp_path, f"ingest/a/{slab}", seconds, rss, 1.5)
    benchmark(tmp_path, "train/context", 60, 2000, "NA")
    benchmark(tmp_path, "report_run", 1, "-", 0.5)
    table = job_costs(tmp_path, {"a": 3}, ["train", "ingest"])
    assert table["rule"].tolist() == ["train", "ingest", "report_run"]
    ingest = table.set_index("rule").loc["ingest"]
    assert ingest.tolist() == [3, 15.0, 4.0, 9.0, 4.5, 300.25]
    assert table.set_index("rule").loc["report_run"].isna()["peak_memory_mb"]


def test_slabs_that_the_volume_has_no_more_do_not_count(tmp_path):
    for slab in range(4):
        benchmark(tmp_path, f"predict/a/context/{slab}", 1, 10, 1)
        benchmark(tmp_path, f"predict/b/context/{slab}", 1, 10, 1)
    benchmark(tmp_path, "propagate/a/00008-00016", 1, 10, 1)
    table = job_costs(tmp_path, {"a": 2, "b": 4}).set_index("rule")
    assert table["jobs"].to_dict() == {"predict": 6, "propagate": 1}


def test_no_files_give_an_empty_table(tmp_path):
    assert len(job_costs(tmp_path, {})) == 0


DEVICE = {
    "kind": "gpu", "names": ["H100", "H100"], "memory_mb": [81920, 81920], "compute": 9.0, "driver": "550",
    "framework": "tensorflow 2.21", "threads": 8, "count": 2, "precision": "mixed_bfloat16",
}  # fmt: skip


def test_devices_are_counted_by_network_and_purpose(tmp_path):
    card = tmp_path / "context.json"
    card.write_text(json.dumps({"network": "context", "device": DEVICE}))
    slabs = []
    for slab in range(3):
        file = tmp_path / f"devices/context/{slab}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        names = ["H100"] if slab < 2 else ["A100"]
        file.write_text(json.dumps(DEVICE | {"names": names, "count": 1, "driver": None}))
        slabs.append(file)
    table = devices_used([card], slabs)
    found = table[["network", "purpose", "device", "count", "memory_gb", "driver", "jobs"]].values.tolist()
    assert found == [
        ["context", "training", "H100", 2, "80", "550", 1],
        ["context", "prediction", "H100", 1, "80", "", 2],
        ["context", "prediction", "A100", 1, "80", "", 1],
    ]
    assert devices_used([], []).empty


@pytest.mark.parametrize("program", ["ultraseg", "python", "snakemake", "zarr", "numpy"])
def test_versions_name_what_is_installed(program):
    table = versions().set_index("program")["version"]
    assert table[program][0].isdigit()
