"""What all kinds of job have in common: wildcards, costs, slab files, and what is handed to scripts."""

import pickle
from dataclasses import is_dataclass
from typing import NamedTuple

import numpy as np
import pytest
import tifffile
from asked import spec
from tiny_plan import config_of_affinities, config_of_ready_cells, make_plan, two_volumes, write_stack
from ultraseg.jobs.spec import Cost, JobSpec, Rate, SlabJob, VolumeJob, Wildcards, every_slab, slabs_with
from ultraseg.plan.config import load_config
from ultraseg.plan.plan import Plan
from ultraseg.run.rules import BY_RULE

PLAIN = (str, int, float, bool, type(None))


# ---- parts
def test_wildcards_of_snakemake_are_text():
    found = Wildcards.of({"volume": "a", "slab": "12", "network": "n"})
    assert found == Wildcards(volume="a", network="n", slab=12) and found.structure == found.gap == ""
    assert Wildcards.of({"brick": "3"}) == Wildcards(brick=3)
    assert Wildcards.of({}) == Wildcards() and Wildcards().slab == Wildcards().brick == -1
    with pytest.raises(TypeError):
        Wildcards.of({"volume": "a", "no_such_part": "x"})


def test_a_rate_adds_a_start_to_what_is_worked_on():
    assert Rate(2, 0.5, 100, 8).cost(4e6, 1e6) == Cost(seconds=4, mem_mb=108)


def test_slab_files_are_those_of_the_slices_each_once(tmp_path):
    v = make_plan(tmp_path).volumes["a"]
    assert slabs_with(v, "x", [9, 3, 4, 5]) == ["x/c/0/0/0", "x/c/1/0/0", "x/c/2/0/0"]
    assert slabs_with(v, "x", [20], channels=True) == ["x/c/5/0/0/0"] and slabs_with(v, "x", []) == []
    assert every_slab(v, "x") == slabs_with(v, "x", range(21)) and len(every_slab(v, "x")) == 6
    assert every_slab(v, "x", channels=True) == slabs_with(v, "x", range(21), channels=True)


def test_a_job_of_a_slab_knows_its_depth_and_its_files(tmp_path):
    plan = make_plan(tmp_path)
    job = SlabJob("a", (20, 21))
    assert job.depth == 1 and job.files.folder == "results/a"
    assert job.told() == {"volume": "a", "slab": (20, 21)}
    assert [wc.slab for wc in SlabJob.each(plan, "a")] == list(range(6))
    assert VolumeJob.each(plan, "a") == [Wildcards(volume="a")]


def test_a_job_that_says_nothing_of_its_cost_takes_seconds_and_little_memory(tmp_path):
    cost = VolumeJob("a").cost(make_plan(tmp_path))
    assert 0 < cost.seconds < 10 and 0 < cost.mem_mb < 300
    assert VolumeJob("a").inputs(make_plan(tmp_path)) == {}


# ---- what scripts are told
def rich_config(folder):
    """Volumes with all that a job may be told of.

    A phantom, a measured window, a roi, bad slices, partial labels, truth, corrections, edits.
    """
    config = two_volumes(folder)
    del config["volumes"]["b"]["intensity_window"]
    a = config["volumes"]["a"]
    a["labels"]["cells"] = {"path": "cells", "region": {"y": [0, 8]}, "ignore_value": 99}
    a["labels"]["cells"]["planes"] = {"xz": write_stack(folder / "xz", [7], (21, 40))}
    a |= {"bad_slices": [7], "truth": {"cells": "cells"}, "roi": {"x": [4, 40]}, "corrections": "corrections"}
    a["cell_edits"] = "edits.yaml"
    (folder / "edits.yaml").write_text("- merge: [5, 12]\n- assign: {fragment: [8, 3, 20], cell: 5}\n")
    (folder / "corrections/cells").mkdir(parents=True)
    tifffile.imwrite(folder / "corrections/cells/z00012.tif", tifffile.imread(folder / "cells/z0005.tif"))
    config["networks"]["context"]["test"] = [10]
    # A phantom has no membrane; the mask is given a name that a phantom knows.
    config["structures"]["lysosomes"] = config["structures"].pop("membrane")
    config["networks"]["detail"]["structures"] = ["lysosomes"]
    a["labels"]["lysosomes"] = a["labels"].pop("membrane")
    config["volumes"]["p"] = {"voxel_size_nm": [8, 8, 8], "phantom": {"shape": [18, 64, 96]}}
    for network in config["networks"].values():
        network |= {"train_on": ["a"], "apply_to": ["a", "b"]}
    tifffile.imwrite(folder / "endosomes.tif", np.zeros((21, 24, 40), np.uint8), photometric="minisblack")
    config["structures"]["endosomes"] = {"kind": "organelle"}
    config["structures"]["mitochondria"] = {"kind": "organelle", "objects": {"a": "endosomes.tif"}}
    config["networks"]["taken"] = {"structures": ["endosomes"], "maps": {"a": {"endosomes": "endosomes.tif"}}}
    return config


class Plans(NamedTuple):
    """One plan of a network that looks like one that was trained before, others of what another program made.

    That is cells, and affinities.
    """

    rich: Plan
    ready: Plan
    cut: Plan

    def of(self, rule: str) -> Plan:
        return {"take_cells": self.ready, "take_cuts": self.cut}.get(rule, self.rich)


@pytest.fixture(scope="module")
def plans(tmp_path_factory):
    """Plans of the same configurations, made twice."""
    config = rich_config(tmp_path_factory.mktemp("rich"))
    ready = config_of_ready_cells(tmp_path_factory.mktemp("ready"))
    cut = config_of_affinities(tmp_path_factory.mktemp("cut"))
    found = [Plans(*(Plan(load_config(each)) for each in (config, ready, cut))) for _ in range(2)]
    for plan, *_ in found:
        plan.networks["detail"].settings.update(model="other.keras", filters=[8, 16])
    return found


def wildcards(rule, volume):
    """Of one job of the rule; parts that the rule has not do no harm."""
    structure = (
        "nuclei" if rule.startswith("objects") else "mitochondria" if rule == "take_objects" else "cells"
    )
    more = {"propagate_ends": {"direction": "up"}, "try_method": {"method": "volume"}}.get(rule, {})
    network = {"adopt": "detail", "maps_card": "taken", "take_maps": "taken"}.get(rule, "context")
    return {
        "volume": volume,
        "slab": 1,
        "brick": 0,
        "structure": structure,
        "network": network,
        "plane": "xz",
    } | more


JOBS = [
    *((rule, "a") for rule in BY_RULE if rule != "phantom"),
    ("window", "b"),
    ("ingest", "b"),
    ("phantom", "p"),
]


def job(plan: Plan, rule: str, volume: str) -> JobSpec:
    gaps = [*plan.tries("a").values()] if rule == "try_method" else plan.gaps("a")
    gap = {"gap": gaps[0].name} if rule.startswith(("propagate", "try_method")) else {}
    return spec(plan, rule, **wildcards(rule, volume), **gap)


def strange_parts(value) -> list:
    """Values that are neither plain, nor NamedTuples or frozen dataclasses of the package, at any depth."""
    if type(value) in PLAIN:
        return []
    of_package = type(value).__module__.startswith("ultraseg.")
    if type(value) in (list, tuple) or (
        of_package and isinstance(value, tuple) and hasattr(value, "_fields")
    ):
        parts = list(value)
    elif type(value) is dict:
        parts = [*value, *value.values()]
    elif of_package and is_dataclass(value) and type(value).__dataclass_params__.frozen:
        parts = list(vars(value).values())
    else:
        return [value]
    return [found for part in parts for found in strange_parts(part)]


@pytest.mark.parametrize("rule, volume", JOBS)
def test_scripts_are_told_plain_values_that_come_back_equal(plans, rule, volume):
    made = job(plans[0].of(rule), rule, volume)
    assert strange_parts(made) == []
    told = made.told()
    assert type(made)(**pickle.loads(pickle.dumps(told, protocol=4))) == made


@pytest.mark.parametrize("rule, volume", JOBS)
def test_two_plans_of_one_configuration_tell_the_same(plans, rule, volume):
    """Snakemake compares the repr of parameters: a job runs again where it differs."""
    first, second = (repr(job(each.of(rule), rule, volume).told()) for each in plans)
    assert first == second and " object at 0x" not in first and "..." not in first


def test_what_is_strange_is_found():
    class Own(tuple):
        pass

    for value in ({1, 2}, Own(), object(), 1j, {"a": [(1, {2})]}):
        assert len(strange_parts(value)) == 1
    assert strange_parts({"a": [1, (None, 2.5, True)], 3: Cost(1, 2)}) == []
