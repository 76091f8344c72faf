"""The slices of a stack: what is missing, which files hold them, and which lie in a range."""

from ultraseg.formats.slice_source import SliceRef, SliceSource

GAP = SliceSource(tuple(SliceRef(z, f"s{z // 2}.tif", z % 2) for z in (0, 1, 4, 5, 8)), 10)


def test_missing_slices_keep_their_place():
    assert (GAP.n_slices, len(GAP), GAP.missing) == (9, 5, [2, 3, 6, 7])


def test_each_file_is_named_once_in_the_order_of_the_slices():
    assert GAP.files == ["s0.tif", "s2.tif", "s4.tif"]


def test_a_range_leaves_its_end_out():
    assert [ref.z for ref in GAP.range(1, 8)] == [1, 4, 5]
    assert GAP.range(2, 4) == [] and [ref.z for ref in GAP.range(-3, 99)] == GAP.zs
