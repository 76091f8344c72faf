"""A configuration is read as data, whoever wrote it."""

import pytest
from ultraseg.base.errors import UserError
from ultraseg.plan.config_file import read_config_file


def test_a_configuration_is_read(tmp_path):
    (tmp_path / "my.yaml").write_text("volumes: {µ: {voxel_size_nm: [4, 4, 4]}}\n", encoding="utf-8")
    assert read_config_file(tmp_path / "my.yaml") == {"volumes": {"µ": {"voxel_size_nm": [4, 4, 4]}}}


@pytest.mark.parametrize(
    "content, words",
    [
        (b"__use_yte__: true\n?open('ran', 'w').close():\n  a: 1\n", "would run the Python code"),
        (b"a: !!python/object/apply:os.mkdir [ran]\n", "cannot be read"),
        (b"a: [1\n", "cannot be read"),
        (b"\xff\xfea\x00:\x00", "is saved as UTF-16"),
        ("voxel: 4 µm".encode("cp1252"), "not UTF-8"),
        (b"- a\n- b\n", "no table"),
        (b"", "no table"),
    ],
)
def test_what_is_no_configuration_or_would_run_code_is_refused_by_name(tmp_path, monkeypatch, content, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.yaml").write_bytes(content)
    with pytest.raises(UserError, match=words) as raised:
        read_config_file("my.yaml")
    assert (
        raised.value.problem.startswith(("my.yaml: ", "my.yaml, line 1: "))
        and not (tmp_path / "ran").exists()
    )


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match="gone.yaml: cannot be read"):
        read_config_file(tmp_path / "gone.yaml")
