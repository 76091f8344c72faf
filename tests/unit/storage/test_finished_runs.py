"""The volumes of a run in any folder."""

import pytest
from ultraseg.base.errors import UserError
from ultraseg.storage.create import create_group
from ultraseg.storage.finished_runs import choose, choose_volume, volumes_of


def make_volume(folder, name):
    create_group(str(folder / "results" / name / "image.zarr"), {})


def test_volumes_are_those_with_an_image(tmp_path):
    with pytest.raises(UserError, match="no volume with an image") as caught:
        volumes_of(tmp_path)
    assert str(tmp_path / "results") in caught.value.problem and "--directory" in caught.value.cure
    (tmp_path / "results/models").mkdir(parents=True)
    make_volume(tmp_path, "two")
    make_volume(tmp_path, "one")
    assert volumes_of(tmp_path) == volumes_of(str(tmp_path)) == ["one", "two"]


def test_the_only_volume_need_not_be_named(tmp_path):
    make_volume(tmp_path, "one")
    assert choose_volume(tmp_path, None) == choose_volume(tmp_path, "one") == "one"
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
