"""Names of channels are made and read by one module."""

from ultraseg.networks.channels import (
    cell_structures,
    channels_of,
    cut_channels,
    cut_of,
    is_of_cells,
    structure_of,
)


def test_cells_have_two_channels_whatever_their_name():
    assert channels_of("neurons", "cells") == ("neurons/interior", "neurons/boundary")
    assert channels_of("cells", "organelle") == ("cells",)


def test_what_is_made_is_read_back():
    for structure, kind in (("neurons", "cells"), ("nuclei", "organelle"), ("membrane", "mask")):
        for channel in channels_of(structure, kind):
            assert structure_of(channel) == structure
            assert is_of_cells(channel) == (kind == "cells")
    channels = [*channels_of("a", "cells"), *channels_of("b", "organelle"), *channels_of("c", "cells")]
    assert cell_structures(channels) == {"a", "c"}


def test_cuts_follow_interior_and_boundary_and_name_axis_and_offset():
    names = channels_of("neurons", "cells", (1, 3))
    assert names[:2] == channels_of("neurons", "cells") and names[2:] == cut_channels("neurons", (1, 3))
    assert names[2:] == ("neurons/cut_y1", "neurons/cut_y3", "neurons/cut_x1", "neurons/cut_x3")
    assert [cut_of(name) for name in names] == [None, None, (0, 1), (0, 3), (1, 1), (1, 3)]
    assert channels_of("cut_y1", "organelle", (1, 3)) == ("cut_y1",) and cut_of("cut_y1") is None
