"""Optical flow: known motions, axis order, blank and tiny slices, warping."""

import numpy as np
import pytest
from scipy import ndimage
from ultraseg.cells.flow import consistency_error, sample, slice_flow, stack_flow, warp_labels


def texture(shape=(96, 128), seed=0):
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 3, mode="wrap")
    return np.clip(128 + 40 * noise / noise.std(), 0, 255)


def as_u8(image):
    return np.rint(image).astype(np.uint8)


@pytest.mark.parametrize("shift", [(3, 0), (0, 3), (-2, 4)])
def test_shift_is_found_with_axes_in_order(shift):
    base = texture()
    flow = slice_flow(as_u8(base), as_u8(np.roll(base, shift, (0, 1))))
    inner = flow[:, 12:-12, 12:-12]
    assert flow.dtype == np.float32 and flow.shape == (2, *base.shape)
    assert np.allclose(np.median(inner, (1, 2)), shift, atol=0.1)
    assert np.abs(inner - np.reshape(shift, (2, 1, 1))).mean() < 0.15


def test_half_pixel_shift():
    base = texture()
    moved = ndimage.shift(base, (0, 0.5), order=3, mode="wrap")
    inner = slice_flow(as_u8(base), as_u8(moved))[:, 12:-12, 12:-12]
    assert np.allclose(inner.mean((1, 2)), (0, 0.5), atol=0.1)


@pytest.mark.parametrize(
    "matrix", [[[1, 0.03], [0, 1]], [[0.9994, -0.0349], [0.0349, 0.9994]], [[1.03, 0], [0, 1.03]]]
)
def test_shear_rotation_growth(matrix):
    base, centre = texture((128, 128)), np.array([63.5, 63.5])
    matrix = np.array(matrix)
    # b(p) = a(M (p - c) + c): a point q of a moves to M^-1 (q - c) + c.
    moved = ndimage.affine_transform(base, matrix, centre - matrix @ centre, order=3, mode="reflect")
    grid = np.stack(np.mgrid[:128, :128]) - centre[:, None, None]
    expected = np.einsum("ij,jyx->iyx", np.linalg.inv(matrix), grid) - grid
    error = np.hypot(*(slice_flow(as_u8(base), as_u8(moved)) - expected))[16:-16, 16:-16]
    assert error.mean() < 0.25


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (7, 200), (16, 16), (31, 33)])
def test_tiny_slices(shape):
    a, b = (
        as_u8(texture((200, 200)))[: shape[0], : shape[1]],
        as_u8(texture((200, 200), 1))[: shape[0], : shape[1]],
    )
    flow = slice_flow(a, b)
    assert flow.shape == (2, *shape) and np.isfinite(flow).all()


def test_blank_slice_gives_no_flow():
    base = as_u8(texture())
    for blank in (np.zeros_like(base), np.full_like(base, 200)):
        assert not slice_flow(base, blank).any() and not slice_flow(blank, base).any()


def test_stack_matches_slices_and_directions_oppose():
    base = texture()
    stack = np.stack([as_u8(np.roll(base, (2 * z, 0), (0, 1))) for z in range(3)])
    flow = stack_flow(stack)
    assert flow.shape == (2, 4, *base.shape)
    assert np.array_equal(flow[1, :2], slice_flow(stack[1], stack[2]))
    assert np.array_equal(flow[1, 2:], slice_flow(stack[2], stack[1]))
    assert np.allclose(np.median(flow, (0, 2, 3)), (2, 0, -2, 0), atol=0.1)
    assert np.array_equal(stack_flow(stack[:2])[0], flow[0])
    assert np.median(consistency_error(flow[0, :2], flow[0, 2:])) < 0.1


def test_warp_labels_samples_where_flow_points():
    labels = np.zeros((6, 8), np.uint32)
    labels[2, 3] = 70_000
    flow = np.zeros((2, 6, 8), np.float32)
    flow[0], flow[1] = -1, -2
    warped = warp_labels(labels, flow)
    assert warped.dtype == np.uint32 and np.argwhere(warped).tolist() == [[3, 5]] and warped[3, 5] == 70_000


def test_sample_takes_edge_values_outside():
    ramp = np.tile(np.arange(5, dtype=np.int32), (4, 1))
    right = np.stack([np.zeros((4, 5)), np.full((4, 5), 9.0)])
    assert (sample(ramp, right) == 4).all()
    assert np.allclose(sample(ramp, right * 0 + 0.5, linear=True)[0, :4], [0.5, 1.5, 2.5, 3.5])


def test_errors():
    with pytest.raises(ValueError, match="equal 2D"):
        slice_flow(np.zeros((4, 4), np.uint8), np.zeros((4, 5), np.uint8))
    with pytest.raises(ValueError, match="preset"):
        slice_flow(np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8), preset="best")
