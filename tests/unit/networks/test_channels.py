"""Names of channels are made and read by one module."""

from ultraseg.networks.channels import cell_structures, channels_of, is_of_cells, structure_of


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
