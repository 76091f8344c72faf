"""A file appears under its name only when it is whole."""

import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from ultraseg.base import files
from ultraseg.base.errors import UserError
from ultraseg.base.files import (
    is_part,
    read_table,
    remove_parts,
    scratch_folder,
    whole_file,
    whole_folder,
    write_arrays,
    write_table,
    write_table_parts,
    write_text,
)


def test_a_file_appears_when_the_block_ends(tmp_path):
    file = tmp_path / "new/table.csv"
    with whole_file(file) as part:
        with open(part, "w") as out:
            out.write("a")
        assert not file.exists() and part.endswith("table.csv")
        assert is_part(os.path.basename(part), "table.csv")
    assert file.read_text() == "a" and os.listdir(file.parent) == ["table.csv"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path, error):
    file = tmp_path / "table.csv"
    file.write_text("old")
    with pytest.raises(error), whole_file(file) as part:
        with open(part, "w") as out:
            out.write("half")
        raise error
    assert file.read_text() == "old" and os.listdir(tmp_path) == ["table.csv"]


def test_a_folder_appears_when_the_block_ends_and_not_after_an_error(tmp_path):
    with whole_folder(tmp_path / "out") as part:
        os.mkdir(part)
        (Path(part) / "a").touch()
        assert os.listdir(tmp_path) == [os.path.basename(part)] and is_part(os.path.basename(part), "out")
    assert os.listdir(tmp_path) == ["out"] and os.listdir(tmp_path / "out") == ["a"]
    with pytest.raises(ValueError), whole_folder(tmp_path / "other") as part:
        os.mkdir(part)
        raise ValueError
    assert os.listdir(tmp_path) == ["out"]


def test_a_block_that_writes_nothing_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), whole_file(tmp_path / "x"):
        pass


def test_tables_texts_and_arrays_read_back(tmp_path):
    table = pd.DataFrame({"z": [1, 2], "name": ["a", "b"]})
    write_table(tmp_path / "t.csv", table)
    write_table(tmp_path / "t.parquet", table)
    assert pd.read_csv(tmp_path / "t.csv").equals(table)
    assert pd.read_parquet(tmp_path / "t.parquet").equals(table)
    figures = pd.DataFrame({"share": [0.26986086400000003], "id": [2**40 + 1]})
    write_table(tmp_path / "t.csv", figures)
    assert (tmp_path / "t.csv").read_text() == "share,id\n0.269861,1099511627777\n"
    write_table(tmp_path / "t.parquet", figures)  # what later steps compute with
    assert pd.read_parquet(tmp_path / "t.parquet").equals(figures)
    write_table(tmp_path / "t.csv", table)
    with pytest.raises(ValueError, match="t.txt"):
        write_table(tmp_path / "t.txt", table)
    write_text(tmp_path / "t.txt", "µm")
    assert (tmp_path / "t.txt").read_text() == "µm"
    write_arrays(tmp_path / "a.npz", sizes=np.arange(3))
    with np.load(tmp_path / "a.npz") as arrays:
        assert arrays["sizes"].tolist() == [0, 1, 2]
    assert not any(is_part(name) for name in os.listdir(tmp_path))


def test_a_flipped_bit_in_a_page_of_a_table_is_told(tmp_path):
    file, rng = tmp_path / "t.parquet", np.random.default_rng(0)
    table = pd.DataFrame({"z": range(3000), "cell": rng.integers(0, 99, 3000), "size": rng.random(3000)})
    write_table(file, table)
    content, unseen = file.read_bytes(), 0
    for place in rng.integers(0, len(content), 200):
        flipped = bytearray(content)
        flipped[place] ^= 1 << rng.integers(8)
        file.write_bytes(flipped)
        try:
            unseen += not read_table(file).equals(table)
        except UserError as error:
            assert str(file) in error.problem and f"Delete {file}" in error.cure
    assert unseen <= 4  # headers of pages and the footer carry no checksum: jobs compare whole files


def test_a_table_is_read_in_part_and_a_table_of_others_as_well(tmp_path):
    file = tmp_path / "t.parquet"
    table = pd.DataFrame({"z": [1, 2, 3], "name": ["a", "b", "c"]})
    write_table(file, table)
    assert read_table(file, columns=["z"]).columns.tolist() == ["z"]
    assert read_table(file, filters=[("z", ">", 1)])["name"].tolist() == ["b", "c"]
    with whole_file(file) as part:
        table.to_parquet(part)  # without checksums, as earlier versions wrote tables
    assert read_table(file).equals(table)
    with pytest.raises(FileNotFoundError):
        read_table(tmp_path / "other.parquet")


def test_no_module_or_script_reads_a_table_without_its_checksums():
    workflow = Path(files.__file__).parents[2]
    found = [
        file.name
        for file in [*workflow.glob("ultraseg/**/*.py"), *workflow.glob("scripts/**/*.py")]
        if re.search(r"read_parquet\(|parquet\.read_table\(", file.read_text()) and file.name != "files.py"
    ]
    assert found == []


def test_only_the_unfinished_files_of_one_name_are_removed(tmp_path):
    names = [".part-00-0", "0.ab12.partial", ".part-00-10", "10.ab12.partial", "0", ".part-00-0.json"]
    for name in names:
        (tmp_path / name).touch()
    assert sorted(os.path.basename(f) for f in remove_parts(tmp_path / "0")) == sorted(names[:2])
    assert sorted(os.listdir(tmp_path)) == sorted(names[2:])
    assert remove_parts(tmp_path / "nowhere/file") == []


def test_no_module_or_script_writes_under_the_final_name():
    direct = re.compile(
        r"\.to_csv\(|\.to_parquet\(|savez|imwrite\(|\.savefig\(|h5py\.File\([^)]*\"w\"|\.write_(text|bytes)\("
    )
    workflow = Path(files.__file__).parents[2]
    found = [
        f"{file.name}:{number}: {line.strip()}"
        for file in [*workflow.glob("ultraseg/**/*.py"), *workflow.glob("scripts/**/*.py")]
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if direct.search(line) and "part" not in line and file.name != "files.py"
    ]
    allowed = {
        "snakemake_report.py": "configfile.write_text",  # in a temporary folder
        "remote_zarr.py": "(folder / name).write_bytes(",  # in a folder that is renamed when it is whole
        "skeletonise.py": "np.savez(result,",  # in a temporary folder
        "proofread.py": "tifffile.imwrite(scratch,",  # in a temporary folder
        "other_formats.py": '"tifffile.imwrite(',  # commands that messages tell
        "webknossos_read.py": "file.write_text(json.dumps(about))",  # in a temporary folder
        "write_package.py": "target.write_bytes(",  # the target is the unfinished file of the command that calls it
        "server.py": "file.write_text(f'<!doctype html>",  # in a temporary folder
        "page.py": ".write_bytes(",  # into a folder that is an output as a whole, and made anew as a whole
    }
    found = [line for line in found if allowed.get(line.split(":")[0], "\n") not in line]
    assert found == []


@pytest.mark.parametrize("rows", [1, 2, 100])
@pytest.mark.parametrize("cuts", [[], [2], [0, 1, 1, 5]])
def test_a_table_in_parts_is_the_table(tmp_path, monkeypatch, cuts, rows):
    monkeypatch.setattr(files, "ROWS", rows)
    number = np.arange(5)
    text = pd.Series(["a", "b", "a", "", "c"], dtype="str")
    table = pd.DataFrame({"number": number, "share": number / 3, "outcome": text, "sure": number > 2})
    parts = (table[start:stop] for start, stop in zip([0, *cuts], [*cuts, 5], strict=True))
    counts = write_table_parts([tmp_path / "parts.parquet", tmp_path / "parts.csv"], parts)
    for suffix in ("csv", "parquet"):
        write_table(tmp_path / f"whole.{suffix}", table)
    pd.testing.assert_frame_equal(read_table(tmp_path / "parts.parquet"), table)
    assert (tmp_path / "parts.csv").read_text() == (tmp_path / "whole.csv").read_text()
    assert counts == {"a": 2, "b": 1, "": 1, "c": 1} and len(os.listdir(tmp_path)) == 4
    groups = (pq.ParquetFile(tmp_path / f"{name}.parquet").num_row_groups for name in ("parts", "whole"))
    assert len({*groups}) == 1


def test_damage_of_a_table_in_parts_is_noticed(tmp_path):
    file, number = tmp_path / "parts.parquet", np.arange(10_000)
    write_table_parts([file], (pd.DataFrame({"number": number + i}) for i in range(3)))
    whole = bytearray(file.read_bytes())
    whole[len(whole) // 2] ^= 1
    file.write_bytes(whole)
    with pytest.raises(UserError, match="is damaged"):
        read_table(file)


def test_a_table_in_parts_that_fails_leaves_nothing(tmp_path):
    def parts():
        yield pd.DataFrame({"number": [1]})
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_table_parts([tmp_path / "parts.parquet", tmp_path / "parts.csv"], parts())
    with pytest.raises(ValueError, match="no part"):
        write_table_parts([tmp_path / "parts.csv"], [])
    with pytest.raises(ValueError, match="a .csv or a .parquet file"):
        write_table_parts([tmp_path / "parts.txt"], [pd.DataFrame({"number": [1]})])
    assert not os.listdir(tmp_path)


def test_scratch_is_empty_and_gone_afterwards(tmp_path):
    file = tmp_path / "link/nodes.parquet"
    with pytest.raises(ValueError), scratch_folder(file) as folder:
        (folder / "left").write_text("")
        assert folder.parent == file.parent and is_part(folder.name)
        with scratch_folder(file) as again:  # as after a job that was killed
            assert not os.listdir(again)
        raise ValueError
    assert not os.listdir(file.parent)
