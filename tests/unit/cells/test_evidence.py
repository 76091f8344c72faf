"""Evidence of slices, and the seeds that optical flow brings from a labelled slice."""

import numpy as np
import pytest
from moving_cells import SHAPE, dice, ellipse, maps
from ultraseg.cells.evidence import QUICK_FLOW, Evidence, carried_seeds, read_evidence, read_near
from ultraseg.cells.flow import stack_flow
from ultraseg.cells.gap_ends import GapEnd
from ultraseg.storage.arrays import write_slab
from ultraseg.storage.create import create_array

TRUTH = np.stack([7 * ellipse(40 + 2 * z, 50, 20, 14) for z in range(5)]).astype(np.uint32)
STEPS = [10, 12, 14, 16]


def write_array(path, values):
    """An array of one slab."""
    axes = "zyx" if values.ndim == 3 else ["z", "channel", "y", "x"]
    create_array(path, values.shape, (1, *values.shape[1:]), values.shape, values.dtype.name, axes)
    write_slab(path, 0, values)


@pytest.fixture(scope="module")
def evidence():
    image, interior, boundary = maps(TRUTH)
    return Evidence([10, 11, 12, 13, 14], image, stack_flow(image)[:4], interior, boundary)


@pytest.mark.parametrize("upwards, places", [(True, {1: 2, 2: 4}), (False, {0: 0, 1: 2})])
def test_seeds_lie_on_the_steps_beside_the_labelled_slice(evidence, upwards, places):
    end = GapEnd(TRUTH[0 if upwards else 4])
    seeds = carried_seeds(evidence, end, STEPS, upwards=upwards, min_confidence=0.5)
    assert [seed.at for seed in seeds] == [*places]
    for seed in seeds:
        truth = TRUTH[places[seed.at]]
        assert dice(np.where(seed.known, seed.ids, 0), truth) > 0.8 and set(np.unique(seed.ids)) <= {0, 7}


def test_what_is_carried_without_confidence_is_not_known(evidence):
    known = np.zeros(SHAPE, bool)
    known[:, :50] = True
    (near, *_) = carried_seeds(evidence, GapEnd(TRUTH[0], known), STEPS, upwards=True, min_confidence=0.5)
    assert near.known[:, :40].any() and not near.known[:, 60:].any()
    assert not any(
        seed.known.any()
        for seed in carried_seeds(evidence, GapEnd(TRUTH[0]), STEPS, upwards=True, min_confidence=1.1)
    )


def test_evidence_is_read_from_the_arrays_of_a_run(tmp_path, evidence):
    image, flow, probability = (str(tmp_path / name) for name in ("image", "flow", "probability"))
    write_array(image, evidence.image)
    write_array(flow, np.concatenate([evidence.flow, evidence.flow[:1] * 0]).astype(np.float16))
    zeros = np.zeros_like(evidence.interior)
    write_array(probability, np.stack([zeros, evidence.interior, evidence.boundary], axis=1))
    found = read_evidence(image, flow, probability, [1, 2, 3], channels=[1, 2], downsample=1)
    assert found.zs == [1, 2, 3] and len(found.flow) == 2
    np.testing.assert_array_equal(found.image, evidence.image[1:4])
    np.testing.assert_array_equal(found.interior, evidence.interior[1:4])
    np.testing.assert_array_equal(found.boundary, evidence.boundary[1:4])
    assert len(read_evidence(image, flow, probability, [4], channels=[1, 2], downsample=1).flow) == 1


def test_near_a_labelled_slice_the_flow_is_made_from_the_image(tmp_path, evidence):
    image, probability = str(tmp_path / "image"), str(tmp_path / "probability")
    write_array(image, evidence.image)
    write_array(probability, np.stack([evidence.interior, evidence.boundary], axis=1))
    found = read_near(image, probability, [1, 2, 3], channels=[0, 1], downsample=1)
    np.testing.assert_array_equal(found.flow, stack_flow(evidence.image[1:4], **QUICK_FLOW))
    np.testing.assert_array_equal(found.image, evidence.image[1:4])
    np.testing.assert_array_equal(found.boundary, evidence.boundary[1:4])
    place = slice(10, 60), slice(20, 80)
    part = read_near(
        image, probability, [1, 2, 3], channels=[0, 1], downsample=1, place=place, flow={"upscale": 1}
    )
    for values, whole in (
        (part.image, found.image),
        (part.interior, found.interior),
        (part.boundary, found.boundary),
    ):
        np.testing.assert_array_equal(values, whole[:, *place])
    np.testing.assert_array_equal(part.flow, stack_flow(part.image, upscale=1))
    seeds = carried_seeds(found, GapEnd(TRUTH[1]), [1, 2, 3], upwards=True, min_confidence=0.5)
    assert [seed.at for seed in seeds] == [1, 2]
    for seed in seeds:  # the ids follow the cell, which moves by two pixels from slice to slice
        assert dice(np.where(seed.known, seed.ids, 0), TRUTH[1 + seed.at]) > 0.8
