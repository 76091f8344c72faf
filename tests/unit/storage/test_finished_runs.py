"""The volumes of a finished run, and the one that a command is for."""

import pytest
from ultraseg.base.errors import UserError
from ultraseg.storage.finished_runs import choose, choose_volume, volumes_of


def make_volume(folder, name):
    image = folder / "results" / name / "image.zarr"
    image.mkdir(parents=True)
    (image / "zarr.json").touch()


def test_the_only_volume_need_not_be_named(tmp_path):
    with pytest.raises(UserError, match="no volume with an image"):
        volumes_of(tmp_path)
    make_volume(tmp_path, "one")
    assert choose_volume(tmp_path, None) == "one"
    make_volume(tmp_path, "two")
    assert choose_volume(tmp_path, "two") == "two"
    for name in (None, "three"):
        with pytest.raises(UserError, match="one, two"):
            choose_volume(tmp_path, name)


def test_a_volume_is_chosen_among_names():
    assert choose(None, ["a"]) == choose("a", ["a", "b"]) == "a"
    with pytest.raises(UserError, match="no volume c in here"):
        choose("c", ["a", "b"], "here")
    with pytest.raises(UserError, match="the run has 2 volumes") as raised:
        choose("", ["a", "b"])
    assert "--volume" in raised.value.cure and "a, b" in raised.value.cure
