"""What YAML reads in another way than it stands in the configuration is named with its line."""

import copy
import logging
from pathlib import Path

import pytest
import yaml
from ultraseg.base.errors import UserError
from ultraseg.plan.config import load_config, valid_parts
from ultraseg.plan.config_text import check_text

CONFIGS = sorted((Path(__file__).parents[3] / "config").glob("*.yaml"))
EXAMPLE = """
volumes:
  biopsy1:
    image: data/biopsy1/image
    voxel_size_nm: [4, 4, 4]
    labels: {nuclei: {path: data/biopsy1/nuclei.tif}}
structures:
  cells: {kind: cells}
  nuclei: {kind: organelle}
  mitochondria: {kind: organelle}
networks:
  context: {structures: [cells, nuclei], downsample: 4}
  detail: {structures: [mitochondria], downsample: 1}
"""
VOLUME = "volumes:\n  a:\n    image: raw\n    voxel_size_nm: [4, 4, 4]\n"


def check(tmp_path, text, encoding="utf-8", name="my.yaml"):
    (tmp_path / name).write_bytes(text.encode(encoding))
    check_text([tmp_path / name])


def problem(tmp_path, text, **how) -> str:
    with pytest.raises(UserError) as caught:
        check(tmp_path, text, **how)
    assert "my." in caught.value.problem and caught.value.cure
    return caught.value.problem


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("    bad_slices: [0004, 0010]", ["line 5: volumes.a.bad_slices.1: 0010 is read as 8", "write 10"]),
        ("    bad_slices:\n      - 012", ["line 6: volumes.a.bad_slices.0: 012 is read as 10"]),
        ("    roi: {z: [0, 0100]}", ["volumes.a.roi.z.1: 0100 is read as 64", "write 100"]),
        ("    labels: {cells: {path: c, slices: [0000, 0050]}}", ["cells.slices.1: 0050 is read as 40"]),
        ("    labels: {cells: {path: c, first_slice_number: -0o1}}", ["first_slice_number: -0o1 is read as a text"]),
        ("    labels: {cells: {path: c, first_slice_number: 0100}}", ["first_slice_number: 0100 is read as 64"]),
        ("    labels: {cells: {path: c, values: [017]}}", ["values.0: 017 is read as 15"]),
        ("    labels: {cells: {path: c, slices: [0008, 0019]}}", ["slices.0: 0008 is read as a text", "write 8"]),
        ("    window_percentiles: [1:30, 99]", ["percentiles.0: 1:30 is read as 90", "base 60"]),
        ("    intensity_window: [1e3, 4e4]", ["window.0: 1e3 is read as a text", "write 1000", "write 40000"]),
        ("    voxel_size_nm: 4,5", ["again (first on line 4)"]),
        ("    image: other", ["line 5: volumes.a: the key 'image' is given again (first on line 3)"]),
        ("  a: {image: x, voxel_size_nm: [8, 8, 8]}", ["line 5: volumes: the key 'a' is given again"]),
        ("  no: {image: x, voxel_size_nm: [8, 8, 8]}", ["the name no is read as False", "'no'"]),
        ("  2024-01-05: {image: x, voxel_size_nm: [8, 8, 8]}", ["the name 2024-01-05 is read as"]),
        ("  0012: {image: x, voxel_size_nm: [8, 8, 8]}", ["the name 0012 is read as 10"]),
        ("    cell_edits: 0010", ["cell_edits: 0010 is read as 8"]),
        ("    cell_edits: 2024-01-05", ["cell_edits: 2024-01-05 is read as", "in quotes: '2024-01-05'"]),
        ("    cell_edits: on", ["cell_edits: on is read as True"]),
        ("    labels: {cells: yes}", ["labels.cells: yes is read as True"]),
        ("    labels: {cells: {path: 12}}", ["labels.cells.path: 12 is read as 12"]),
        ("    labels:\n      cells:\n        path: c\n        ignore_value: #ff0000", ["#ff0000 is read as a"]),
        ("    labels:\n      cells:\n        path: c\n        values:\n          - #00FF00", ["#00FF00 is read as a"]),
        ("    roi: &r {z: *r}", ["refers to itself"]),
        ("networks: {n: {structures: [cells], learning_rate: 1e-3}}", ["learning_rate: 1e-3 is read", "0.001"]),
        ("networks: {n: {structures: [cells, no]}}", ["structures.1: no is read as False"]),
        ("networks: {n: {structures: [cells], validation: [010]}}", ["validation.0: 010 is read as 8"]),
    ],
)  # fmt: skip
def test_a_place_that_reads_otherwise_is_named(tmp_path, line, words):
    text = problem(tmp_path, VOLUME + line)
    for word in words:
        assert word in text, text


@pytest.mark.parametrize(
    "line",
    [
        "    bad_slices: [0, 00, 0004, 1_000, 0x10, 0b11]",
        "    image: raw",  # twice, and both times the same
        "    image: '0010'",
        "    check_pixel_size: no",
        "    voxel_size_nm: [4, 4, 4]\n    truth: {cells: {path: 1e3}}",
        "    truth: {cells: 1e3, mito: 0089, nuclei: '2024-01-05', er: a/012}",
        "    labels: {cells: {path: c, values: ['#ff0000', 3]}}  # 0010 is octal",
        "mixed_precision: off",
        "networks: {n: {structures: [cells], max_minutes: .5, learning_rate: 1.0e-3}}",
        "x: &x {labels: {}}\ny: {<<: *x, labels: {}}",
        "    image: >\n      0010\n",
        "# only a comment",
        "\tx: 1",
    ],
)
def test_what_reads_as_it_stands_is_left_alone(tmp_path, line):
    text = VOLUME + line
    if line.startswith("\t"):
        assert "line 5: is not valid YAML" in problem(tmp_path, text)
    else:
        check(tmp_path, text.replace("    image: raw\n", "", 1) if "    image: " in line else text)


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.name)
def test_the_shipped_configurations_read_as_they_stand(file):
    check_text([file])


def test_all_places_of_all_files_are_named_at_once(tmp_path):
    (tmp_path / "my.a.yaml").write_text("slab_depth: 010\nslab_depth: 12\n")
    (tmp_path / "my.b.yaml").write_text("bad: [1:30]\n")
    with pytest.raises(UserError, match=r"3 problem\(s\)"):
        check_text([str(tmp_path / "my.a.yaml"), tmp_path / "my.b.yaml", tmp_path / "nowhere.yaml"])


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("utf-16", "my.yaml: is saved as UTF-16"),
        ("utf-16-le", "my.yaml: is saved as UTF-16"),
        ("utf-32", "my.yaml: is saved as UTF-16 or UTF-32"),
        ("cp1252", "my.yaml, line 2: holds a character that is not UTF-8 .byte 0xb5, 'µ'"),
    ],
)
def test_other_encodings_are_named(tmp_path, encoding, words):
    with pytest.raises(UserError, match=words):
        check(tmp_path, "a: 1\nb: 4 µm\n", encoding)
    check(tmp_path, "a: 1\nb: 4 µm\n", "utf-8-sig")


def test_json_is_read_too(tmp_path):
    text = problem(tmp_path, '{"slab_depth": 8, "a": {"b": 1, "b": 2}, "slab_depth": 16}', name="my.json")
    assert "'b' is given 2 times" in text and "'slab_depth' is given 2 times" in text
    check(tmp_path, '{\n\t"slab_depth": 8, "image": "0010"}', name="my.json")


def test_a_merged_section_that_a_shorter_one_replaces_is_pointed_out(tmp_path, caplog):
    text = """
networks:
  a: &base
    structures: [cells]
    augmentation: {noise: 3, blur: 0}
  b:
    <<: *base
    structures: [mito]
    augmentation: {noise: 5}
"""
    with caplog.at_level(logging.WARNING):
        check(tmp_path, text)
    (record,) = caplog.records
    assert "line 9: networks.b.augmentation: replaces the merged section of line 5" in record.getMessage()
    assert "its blur do not hold" in record.getMessage()


def test_endless_repetition_ends(tmp_path):
    lines = ["a0: &a0 [1, 2]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    assert "repeated without end" in problem(tmp_path, "\n".join(lines))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\0\n", "not valid YAML"),
        ("a: \x07\n", "not valid YAML"),
        ("a: " + "[" * 5000, "nested too deeply"),
        ("slab_depth: " + "9" * 5000, "5000 characters is too long"),
        ("slab_depth: 0" + "7" * 5000, "5001 characters is too long"),
        ("volumes:\n  a: {image: 2024-13-45}", "put it in quotes: '2024-13-45'"),
    ],
)
def test_texts_that_no_reader_takes_are_messages(tmp_path, text, words):
    assert words in problem(tmp_path, text)


@pytest.mark.parametrize("text", ["? [1, 2]\n: 3\n", "{a: 1}: 2\n", "a:\n  <<: {? [1]: 2}\n  b: 1\n"])
def test_keys_that_are_no_words_do_not_stop_the_check(tmp_path, text):
    check(tmp_path, text)  # Snakemake refuses them itself


# ---- numbers that are whole, and numbers that are none
@pytest.mark.parametrize(
    "change",
    [
        "slab_depth: 4.0",
        "pyramid_levels: 1.0",
        "networks: {context: {structures: [cells, nuclei], downsample: 4.0, validation: [50.0]}, "
        "detail: {structures: [mitochondria], views: 4.0, filters: [8.0, 16.0, 32.0]}}",
    ],
)
def test_whole_numbers_with_a_point_are_whole_numbers(change):
    given = yaml.safe_load(EXAMPLE) | yaml.safe_load(change)
    volume = given["volumes"]["biopsy1"]
    volume |= {"bad_slices": [3.0], "roi": {"z": [0.0, 9.0]}, "bit_depth": 8.0}
    volume["labels"]["nuclei"] |= {
        "slices": [0.0, 50.0, 100.0],
        "values": [1.0, "#ff0000"],
        "first_slice_number": 0.0,
    }

    def plain(value):
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list):
            return [plain(item) for item in value]
        return int(value) if isinstance(value, float) and value.is_integer() else value

    with_points, without = load_config(given), load_config(plain(copy.deepcopy(given)))
    assert with_points == without
    assert repr(with_points) == repr(without), "not only equal, but of the same type"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("place", ["voxel_size_nm", "intensity_window"])
def test_what_is_no_number_is_refused(value, place):
    given = yaml.safe_load(EXAMPLE)
    given["volumes"]["biopsy1"][place] = [1, 2, value][-3 if place == "voxel_size_nm" else -2 :]
    with pytest.raises(UserError, match=f"volumes.biopsy1.{place}"):
        load_config(given)


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("voxel_size_nm", [10**400, 4, 4], "voxel_size_nm.0: a number of 1329 bits is too large"),
        ("intensity_window", [0, 10**400], "intensity_window.1: a number of 1329 bits"),
        ("bad_slices", [1e300], "bad_slices.0: a number of 997 bits"),
        ("bad_slices", [2**63], "bad_slices.0: a number of 64 bits"),
        ("voxel_size_nm", [1e-320, 4, 4], "voxel_size_nm.0"),
        ("image", "a\0b", "image: 'a\\x00b' holds a character"),
        ("cell_edits", "a\0b", "cell_edits: 'a\\x00b' holds a character"),
        ("image", "a\ud800", "image: 'a\\ud800' holds a character"),
        ("slice_number_pattern", "(?P<a>", "slice_number_pattern: '(?P<a>' is no regular expression"),
        ("slice_number_pattern", "(z{99999999999})", "is no regular expression"),
    ],
)
def test_values_that_nothing_can_use_are_messages(place, value, words):
    given = yaml.safe_load(EXAMPLE)
    given["volumes"]["biopsy1"][place] = value
    with pytest.raises(UserError) as caught:
        load_config(given)
    assert words in caught.value.problem
    assert "biopsy1" not in valid_parts(given)["volumes"]  # what cannot be opened is not opened


def test_a_configuration_without_end_is_a_message():
    given = yaml.safe_load(EXAMPLE)
    given["volumes"]["biopsy1"]["roi"] = given
    wide = [1, 2]
    for _ in range(30):
        wide = [wide] * 10
    for endless in (given, yaml.safe_load(EXAMPLE) | {"slab_depth": wide}):
        with pytest.raises(UserError, match="refers to itself, repeats itself"):
            load_config(endless)
        assert valid_parts(endless)["volumes"] == {}
