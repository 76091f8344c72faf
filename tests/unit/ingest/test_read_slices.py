"""Slabs of image slices: threads, parts of slices, and all bad files named at once."""

import numpy as np
import pytest
import tifffile
from ultraseg.arrays.grey_values import stored_as, to_stored
from ultraseg.base.errors import UserError
from ultraseg.ingest.image_source import resolve_image
from ultraseg.ingest.read_slices import PAGES, read_source_slices, read_stored

SLICES = np.random.default_rng(0).integers(0, 4000, (7, 20, 30), np.uint16)
STORED = stored_as("uint16", (100, 3000), 8)
EXPECTED = to_stored(SLICES, STORED)


def stack_of(*arguments, **settings):
    return np.stack(list(read_stored(*arguments, **settings)))


@pytest.fixture(params=["folder", "pages"])
def refs(request, tmp_path):
    if request.param == "pages":
        tifffile.imwrite(tmp_path / "stack.tif", SLICES, photometric="minisblack", compression="zlib")
        return resolve_image(str(tmp_path / "stack.tif")).slices
    for z, values in enumerate(SLICES):
        tifffile.imwrite(tmp_path / f"z{z}.tif", values, compression="zlib")
    return resolve_image(str(tmp_path)).slices


@pytest.mark.parametrize("threads", [1, 3, 16])
def test_a_stack_is_its_slices_in_order_whatever_the_threads(refs, threads):
    assert np.array_equal(stack_of(refs, (20, 30), "uint16", STORED, threads=threads), EXPECTED)
    assert np.array_equal(np.stack(list(read_source_slices(refs, (20, 30), "uint16"))), SLICES)


def test_a_part_of_the_slices_is_the_part_of_the_whole(refs):
    part = stack_of(refs[2:5], (20, 30), "uint16", STORED, [(3, 11), (7, 30)], 2)
    assert np.array_equal(part, EXPECTED[2:5, 3:11, 7:30])


def test_16_bits_are_kept(refs):
    kept = stored_as("uint16", (100, 3000), 16)
    found = stack_of(refs, (20, 30), "uint16", kept, threads=2)
    assert found.dtype == np.uint16 and np.array_equal(found, SLICES)


def test_each_page_is_decoded_once_and_a_stack_opened_for_several_at_once(refs, monkeypatch):
    from ultraseg.formats import tiff_decode

    seen = {"open": 0, "decode": 0}

    def counted(name, function):
        def call(*arguments):
            seen[name] += 1
            return function(*arguments)

        return call

    monkeypatch.setattr(tiff_decode, "open_tiff", counted("open", tiff_decode.open_tiff))
    monkeypatch.setattr(tiff_decode, "decode", counted("decode", tiff_decode.decode))
    stack_of(refs, (20, 30), "uint16", STORED, threads=2)
    assert seen == {"open": -(-7 // PAGES) if refs[0].page is not None else 7, "decode": 7}


def test_all_bad_slices_are_named_at_once(tmp_path):
    for z in range(6):
        tifffile.imwrite(tmp_path / f"z{z}.tif", SLICES[z])
    tifffile.imwrite(tmp_path / "z1.tif", SLICES[1, :, :20])
    tifffile.imwrite(tmp_path / "z2.tif", SLICES[2].astype(np.float32))
    (tmp_path / "z4.tif").write_bytes(b"")
    refs = resolve_image(str(tmp_path)).slices
    with pytest.raises(UserError) as error:
        stack_of(refs, (20, 30), "uint16", STORED, threads=2)
    text = str(error.value)
    assert "z1.tif: slice is 20 x 20 pixels" in text and "expected 20 x 30" in text
    assert "z2.tif: pixel type is float32, expected uint16" in text
    assert "z4.tif: is empty" in text
    assert "3 problems" in text and text.count("Copy the file again") == 1


def test_few_slices_are_read_ahead(tmp_path, monkeypatch):
    from ultraseg.formats import tiff_decode

    for z in range(20):
        tifffile.imwrite(tmp_path / f"z{z}.tif", SLICES[0])
    decoded, decode = [], tiff_decode.decode
    monkeypatch.setattr(tiff_decode, "decode", lambda *a: decoded.append(1) or decode(*a))
    slices = read_stored(resolve_image(str(tmp_path)).slices, (20, 30), "uint16", STORED, threads=2)
    next(slices)
    assert len(decoded) <= 4
    assert len(list(slices)) == 19 and len(decoded) == 20


def test_nothing_is_given_out_after_a_bad_slice(tmp_path):
    for z in range(9):
        tifffile.imwrite(tmp_path / f"z{z}.tif", SLICES[z % 7])
    (tmp_path / "z3.tif").write_bytes(b"")
    got = []
    with pytest.raises(UserError, match="z3.tif: is empty"):
        for values in read_stored(resolve_image(str(tmp_path)).slices, (20, 30), "uint16", STORED, threads=2):
            got.append(values)
    assert np.array_equal(got, EXPECTED[:3])
