"""What jobs are expected to take, and what they ask for."""

import math

import pytest
from tiny_plan import make_config
from ultraseg.base.errors import UserError
from ultraseg.ingest.slice_source import SliceRef, SliceSource
from ultraseg.networks.sizes import FILTERS, macs_per_pixel
from ultraseg.plan.config import load_config
from ultraseg.plan.costs import Costs, wall_hours
from ultraseg.plan.plan import Plan

PER_SLAB = "ingest predict objects_label objects flow cells link_edges link_relabel measure_slab".split()


@pytest.fixture
def plan(tmp_path):
    config = make_config(tmp_path)
    return Plan(load_config(config))


def resized(plan, shape, slab_depth=None):
    """The plan of the same volume with slices of another size, as no test can store them."""
    for v in plan.volumes.values():
        v.shape = v.full_shape = shape
        v.slab_depth = slab_depth or v.slab_depth
        v.__dict__.pop("levels", None)
    return Costs(plan)


def wildcards(plan, rule):
    structure = {"objects_label": "nuclei", "objects": "nuclei"}.get(rule, "cells")
    return {"volume": "a", "slab": "1", "structure": structure, "network": "context"}


@pytest.mark.parametrize("rule", PER_SLAB)
def test_a_slab_job_grows_with_slab_and_slice_and_not_with_the_stack(plan, rule):
    def job(shape, depth):
        return resized(plan, shape, depth).job(rule, wildcards(plan, rule))

    base = job((200, 4000, 6000), 8)
    assert job((2000, 4000, 6000), 8) == base
    deeper, wider = job((200, 4000, 6000), 16), job((200, 8000, 6000), 8)
    assert 1.5 < deeper.seconds / base.seconds < 2.1 and 1.5 < wider.seconds / base.seconds < 2.1
    assert wider.mem_mb > base.mem_mb
    if rule not in ("measure_slab", "predict"):  # they work slice by slice
        assert deeper.mem_mb > base.mem_mb


def test_a_gap_costs_what_its_length_is(plan):
    costs = resized(plan, (21, 4000, 6000))
    plan.volumes["a"].labels["cells"] = SliceSource(tuple(SliceRef(z, "", None) for z in (0, 5, 20)))
    names = {gap.last - gap.first: gap.name for gap in plan.gaps("a")}
    short, long = min(names), max(names)
    jobs = [costs.job("propagate", {"volume": "a", "gap": names[n]}) for n in (short, long)]
    assert jobs[1].mem_mb > jobs[0].mem_mb and long > short
    assert jobs[1].seconds / jobs[0].seconds == pytest.approx((long + 1) / (short + 1), rel=0.1)


def test_jobs_ask_for_more_than_is_expected_and_more_on_every_attempt(plan):
    costs = resized(plan, (200, 4000, 6000))
    for rule in PER_SLAB:
        wc = wildcards(plan, rule)
        job = costs.job(rule, wc)
        memory = [costs.mem_mb(rule, wc, attempt) for attempt in (1, 2, 3)]
        minutes = [costs.minutes(rule, wc, attempt) for attempt in (1, 2, 3)]
        assert memory[0] >= max(1.3 * job.mem_mb, 500) and minutes[0] >= max(10, job.seconds / 20)
        assert memory[1] > 1.8 * memory[0] > 0 and minutes[2] == 3 * minutes[0]


def test_no_job_asks_for_more_than_the_largest_computer_has_and_a_run_that_needs_more_is_refused(plan):
    costs = resized(plan, (200, 40_000, 60_000), 64)
    plan.config["max_memory_gb"] = 16
    assert costs.mem_mb("ingest", wildcards(plan, "ingest"), 3) == 16_000
    with pytest.raises(UserError, match=r"max_memory_gb, 16 GB: .*ingest \d+ GB.*") as caught:
        costs.check_memory()
    assert "Lower slab_depth" in caught.value.cure
    resized(plan, (200, 400, 600), 4).check_memory()


def test_training_costs_follow_the_settings_of_the_network(plan):
    net = plan.networks["context"]
    net.settings.update(epochs=40, steps_per_epoch=25, batch=8, crop=192)
    base = Costs(plan).job("train", {"network": "context"}).seconds
    net.settings["epochs"] = 80
    assert Costs(plan).job("train", {"network": "context"}).seconds == pytest.approx(2 * base, rel=0.05)
    net.settings["max_minutes"] = 1
    assert Costs(plan).job("train", {"network": "context"}).seconds < 90
    net.settings.pop("max_minutes")
    plan.config["device"] = "gpu"
    assert Costs(plan).job("train", {"network": "context"}).seconds < base


def test_all_jobs_of_a_run_are_counted(plan):
    steps = {s.rule: s for s in Costs(plan).steps("a")}
    slabs = len(plan.volumes["a"].slabs)
    assert steps["ingest"].jobs == steps["flow"].jobs == slabs
    assert steps["predict"].jobs == slabs * len(plan.networks)
    assert steps["propagate"].jobs == len(plan.gaps("a")) + len(plan.left_out("a"))
    assert [s.rule for s in Costs(plan).network_steps("context")] == ["tiles", "train"]
    for s in steps.values():
        assert s.seconds <= s.jobs * s.job.seconds * (1 + 1e-9)


def test_disk_grows_with_the_volume(plan):
    small = sum(resized(plan, (200, 400, 600)).disk_bytes("a").values())
    large = sum(resized(plan, (400, 800, 600)).disk_bytes("a").values())
    assert large == pytest.approx(4 * small, rel=0.02)
    assert 200 * 400 * 600 < small < 20 * 200 * 400 * 600


def test_more_jobs_at_a_time_end_sooner_but_not_before_the_longest_chain(plan):
    steps = resized(plan, (200, 4000, 6000)).steps("a")
    one, eight, many = (wall_hours(steps, n) for n in (1, 8, 10_000))
    assert one > eight > many > sum(s.job.seconds for s in steps) / 3600
    assert one > sum(s.seconds for s in steps) / 3600


@pytest.mark.parametrize("architecture", FILTERS)
@pytest.mark.parametrize("filters", [None, (4, 8, 12, 16)])
def test_multiply_adds_are_those_of_the_network(architecture, filters):
    import keras
    from ultraseg.networks.architecture import build_network
    from ultraseg.networks.sizes import FILTERS as BUILT

    assert BUILT == FILTERS
    model, total = build_network(architecture, 3, 2, filters=filters, size=64), 0
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2DTranspose):
            total += math.prod(layer.kernel.shape) * math.prod(layer.input.shape[1:3])
        elif isinstance(layer, keras.layers.Conv2D):
            total += math.prod(layer.kernel.shape) * math.prod(layer.output.shape[1:3])
    assert macs_per_pixel(architecture, 3, 2, filters) == pytest.approx(total / 64**2)
