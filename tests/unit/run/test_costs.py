"""What a run is expected to cost: jobs, steps, memory and disk."""

import pytest
from tiny_plan import make_plan
from ultraseg.base.errors import UserError
from ultraseg.formats.slice_source import SliceRef
from ultraseg.jobs.spec import JobSpec, Rate, Wildcards
from ultraseg.labels.source import LabelSource
from ultraseg.run.costs import (
    OF_NETWORKS,
    OF_VOLUMES,
    SNAKEMAKE_S,
    all_steps,
    check_memory,
    disk_bytes,
    job_cost,
    network_steps,
    volume_steps,
    wall_hours,
)
from ultraseg.run.rules import BY_RULE, MEMORY_MARGIN, Rules

PER_SLAB = "ingest predict objects_label objects flow cells link_edges link_relabel measure_slab".split()


@pytest.fixture
def plan(tmp_path):
    return make_plan(tmp_path)


def resized(plan, shape, slab_depth=None):
    """The plan of the same volume with slices of another size, as no test can store them."""
    for v in plan.volumes.values():
        v.shape = v.full_shape = shape
        v.roi = tuple((0, n) for n in shape)
        v.slab_depth = slab_depth or v.slab_depth
        for known in ("levels", "good_slices", "image"):
            v.__dict__.pop(known, None)
    return plan


def wildcards(rule):
    structure = {"objects_label": "nuclei", "objects": "nuclei"}.get(rule, "cells")
    return Wildcards(volume="a", slab=1, structure=structure, network="context")


@pytest.mark.parametrize("rule", PER_SLAB)
def test_a_slab_job_grows_with_slab_and_slice_and_not_with_the_stack(plan, rule):
    def job(shape, depth):
        return job_cost(resized(plan, shape, depth), rule, wildcards(rule))

    base = job((200, 4000, 6000), 8)
    assert job((2000, 4000, 6000), 8) == base
    deeper, wider = job((200, 4000, 6000), 16), job((200, 8000, 6000), 8)
    assert 1.5 < deeper.seconds / base.seconds < 2.1 and 1.5 < wider.seconds / base.seconds < 2.1
    assert wider.mem_mb > base.mem_mb
    if rule not in ("measure_slab", "predict"):  # they work slice by slice
        assert deeper.mem_mb > base.mem_mb


def test_a_gap_costs_what_its_length_is(plan):
    resized(plan, (21, 4000, 6000))
    plan.volumes["a"].labels["cells"] = LabelSource.of([SliceRef(z, "", None) for z in (0, 5, 20)])
    names = {gap.last - gap.first: gap.name for gap in plan.gaps("a")}
    short, long = min(names), max(names)
    jobs = [job_cost(plan, "propagate", Wildcards(volume="a", gap=names[n])) for n in (short, long)]
    assert jobs[1].mem_mb > jobs[0].mem_mb and long > short
    assert jobs[1].seconds / jobs[0].seconds == pytest.approx((long + 1) / (short + 1), rel=0.1)


def test_jobs_of_large_volumes_ask_for_more_than_is_expected(plan):
    resized(plan, (200, 4000, 6000))
    rules = Rules(plan)
    for rule in PER_SLAB:
        one = {key: str(value) for key, value in wildcards(rule)._asdict().items() if value not in ("", -1)}
        cost = job_cost(plan, rule, wildcards(rule))
        memory = [rules.mem_mb(rule)(one, attempt) for attempt in (1, 2, 3)]
        minutes = [rules.minutes(rule)(one, attempt) for attempt in (1, 2, 3)]
        assert memory[0] >= max(MEMORY_MARGIN * cost.mem_mb, 500)
        assert minutes[0] >= max(10, cost.seconds / 20)
        assert memory[1] > 1.8 * memory[0] > 0 and minutes[2] == 3 * minutes[0]


def test_a_run_that_needs_more_memory_than_the_largest_computer_has_is_refused(plan):
    resized(plan, (200, 40_000, 60_000), 64)
    plan.config["max_memory_gb"] = 16
    asked = Rules(plan).mem_mb("ingest")({"volume": "a", "slab": "1"}, 3)
    assert asked == 16_000
    with pytest.raises(UserError, match=r"max_memory_gb, 16 GB: .*ingest \d+ GB.*") as caught:
        check_memory(plan)
    assert "Lower slab_depth" in caught.value.cure
    check_memory(resized(plan, (200, 400, 600), 4))


def test_all_jobs_of_a_run_are_counted(plan):
    steps = {step.rule: step for step in volume_steps(plan, "a")}
    slabs = len(plan.volumes["a"].slabs)
    assert steps["ingest"].jobs == steps["flow"].jobs == slabs
    assert steps["predict"].jobs == slabs * len(plan.networks)
    assert steps["propagate"].jobs == len(plan.gaps("a")) + len(plan.left_out("a"))
    assert steps["labels"].jobs == steps["labels_fit"].jobs == 3
    assert "window" not in steps  # the window of an 8-bit image is known
    assert list(steps) == [rule for rule in OF_VOLUMES if rule in steps] and len(steps) > 15
    assert [step.rule for step in network_steps(plan, "context")] == ["tiles", "train"]
    for step in steps.values():
        assert 0 < step.seconds <= step.jobs * step.job.seconds * (1 + 1e-9)


def test_all_steps_are_those_of_trainings_and_volumes(plan):
    steps = all_steps(plan)
    assert [step.rule for step in steps[:4]] == ["tiles", "train", "tiles", "train"]
    assert steps[4:] == volume_steps(plan, "a")
    plan.networks["detail"].settings["model"] = "other.keras"
    assert [step.rule for step in all_steps(plan)].count("train") == 1


@pytest.mark.parametrize("rule", [*OF_NETWORKS, *OF_VOLUMES])
def test_every_class_that_is_counted_has_a_rate_of_its_own(rule):
    kind = BY_RULE[rule]
    assert isinstance(vars(kind).get("rate"), Rate), f"{kind.__name__} has no rate of its own"
    assert kind.rate.base_mb >= 100 and kind.rate != JobSpec.rate


def test_disk_grows_with_the_volume(plan):
    small = sum(disk_bytes(resized(plan, (200, 400, 600)), "a").values())
    large = sum(disk_bytes(resized(plan, (400, 800, 600)), "a").values())
    assert large == pytest.approx(4 * small, rel=0.02)
    assert 200 * 400 * 600 < small < 20 * 200 * 400 * 600


def test_more_jobs_at_a_time_end_sooner_but_not_before_the_longest_chain(plan):
    steps = volume_steps(resized(plan, (200, 4000, 6000)), "a")
    one, eight, many = (wall_hours(steps, n) for n in (1, 8, 10_000))
    assert one > eight > many > sum(step.job.seconds for step in steps) / 3600
    assert one == pytest.approx(sum(step.seconds + SNAKEMAKE_S * step.jobs for step in steps) / 3600)
