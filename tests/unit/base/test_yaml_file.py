"""YAML from elsewhere: whatever is wrong with it is told with the name of the file."""

import pytest
from ultraseg.base.errors import UserError
from ultraseg.base.yaml_file import read_text, read_yaml

TEXT = "image: Höhe\nvoxel_size_nm: [4, 4, 4]\n"


def test_what_is_right_is_read(tmp_path):
    file = tmp_path / "my.yaml"
    for encoding in ("utf-8", "utf-8-sig"):
        file.write_text(TEXT, encoding=encoding)
        assert read_yaml(file, "a table.") == {"image": "Höhe", "voxel_size_nm": [4, 4, 4]}
    file.write_text("")
    assert read_yaml(file, "a table.") is None


@pytest.mark.parametrize(
    "encoding",
    ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "latin-1", "mac-roman", "cp437", "cp850", "gbk"],
)
def test_other_encodings_are_named_with_the_file(tmp_path, encoding):
    (tmp_path / "my.yaml").write_bytes(TEXT.replace("ö", "号" if encoding == "gbk" else "ö").encode(encoding))
    for read in (read_text, lambda file: read_yaml(file, "a table.")):
        with pytest.raises(UserError, match="my.yaml") as raised:
            read(tmp_path / "my.yaml")
        assert "UTF-8" in raised.value.cure
        assert ("UTF-16" in raised.value.problem) is encoding.startswith("utf")
        assert ("my.yaml, line 1:" in raised.value.problem) is not encoding.startswith("utf")


@pytest.mark.parametrize(
    "content",
    [
        *(
            b"a: 1\0",
            b"a: \x07",
            b"a: [1",
            b"a: *x",
            b"a: 1\n---\na: 2\n",
            b"\tb: 1",
            b"%YAML 3.0\n---\na: 1",
        ),
        *(
            b"a: 2024-13-45",
            b"a: 2001-12-14t21:59:43.10-99:00",
            b"a: !!int x",
            b"a: !!bool x",
            b"a: !!float x",
        ),
        *(b"a: !!omap [1]", b"a: !!binary a", b"a: !foo 3", b"? [1, 2]\n: 3\n", b"a: {<<: 3}"),
        *(
            b"a: " + b"9" * 5000,
            b"a: " + b"[" * 5000,
            b"[" * 100_000,
            b"a: !!python/object/apply:os.mkdir [ran]",
        ),
    ],
)
def test_what_yaml_cannot_read_is_told_with_the_file(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.yaml").write_bytes(content)
    with pytest.raises(UserError, match="^my.yaml: ") as raised:
        read_yaml("my.yaml", "a table.")
    assert raised.value.cure.endswith("a table.") and not (tmp_path / "ran").exists()


@pytest.mark.parametrize("text", [r'a: "slice_(\d+)"', "a: [#ff0000]", "a: b: c", "\ta: 1"])
def test_texts_with_special_characters_are_told_to_be_quoted(tmp_path, text):
    (tmp_path / "my.yaml").write_text(text)
    with pytest.raises(UserError, match=r"my.yaml: cannot be read[\s\S]*line 1") as raised:
        read_yaml(tmp_path / "my.yaml", "a table.")
    assert "a colon, a backslash or a # in single quotes" in raised.value.cure


def test_files_that_are_not_there_are_told(tmp_path):
    for file in (tmp_path / "gone.yaml", tmp_path):
        with pytest.raises(UserError, match=f"{file}: cannot be read"):
            read_yaml(file, "a table.")


@pytest.mark.parametrize(("text", "read"), [("0012", "10"), ("1:30", "90"), ("-010", "-8")])
def test_numbers_that_read_otherwise_are_refused_on_request(tmp_path, text, read):
    (tmp_path / "my.yaml").write_text(f"a: 1\nb: {text}\n")
    assert read_yaml(tmp_path / "my.yaml", "")["b"] == int(read)
    with pytest.raises(UserError, match=rf"{text} is read as {read}[\s\S]*line 2") as raised:
        read_yaml(tmp_path / "my.yaml", "a table.", as_written=True)
    assert "Write the number itself" in raised.value.cure
    (tmp_path / "my.yaml").write_text("b: [0007, 0, 12, 0x1f, '0012']\n")
    assert read_yaml(tmp_path / "my.yaml", "", as_written=True) == {"b": [7, 0, 12, 31, "0012"]}
