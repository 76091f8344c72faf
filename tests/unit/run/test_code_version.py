"""Hashes of code: what changes numbers changes them, what does not does not."""

import ast
import json
import re
import shutil

import pytest
from rule_texts import rules_with_scripts
from ultraseg.run import code_version as hashing
from ultraseg.run.code_version import (
    AROUND,
    AROUND_ONE,
    PACKAGE,
    SCRIPTS,
    WITHOUT_NUMBERS,
    code_version,
    imported_modules,
    imports_of,
    module_file,
    modules_of,
    script_version,
)

BASE = '''"""Doc of the module."""
import ultraseg.deep.low

def f(x):
    """Doc of the function."""
    return x + 1
'''


@pytest.fixture
def package(tmp_path):
    """A package with sub-packages: top -> middle -> low -> helper and errors, and one that nothing imports."""
    modules = {
        "high.top": "from ultraseg.high.middle import g\n\ny = g(2)\n",
        "high.middle": BASE + "g = f\n",
        "deep.low": "from ultraseg.deep import helper\nfrom ultraseg.base.errors import UserError\n\nz = helper.h\n",
        "deep.helper": "import numpy\n\nh = 3\n",
        "base.errors": "class UserError(Exception):\n    pass\n",
        "deep.other": "a = 1\n",
    }
    for name, text in modules.items():
        module_file(name, tmp_path).parent.mkdir(exist_ok=True)
        module_file(name, tmp_path).write_text(text)
    return tmp_path


def version(package, *modules) -> str:
    """The hash as a new process would find it."""
    code_version.cache_clear()
    hashing._read.cache_clear()
    return code_version(*modules, package=package)


CHAIN = {"high.top", "high.middle", "deep.low", "deep.helper"}


def test_imports_are_followed(package):
    assert imported_modules(("high.top",), package) == CHAIN
    assert imported_modules(("deep.helper", "deep.other"), package) == {"deep.helper", "deep.other"}


def test_imports_within_functions_count(package):
    module_file("deep.other", package).write_text(
        "def f():\n    from ultraseg.deep.helper import h\n    return h\n"
    )
    hashing._read.cache_clear()
    assert imported_modules(("deep.other",), package) == {"deep.other", "deep.helper"}


@pytest.mark.parametrize(
    "block",
    [
        "if x:\n    pass\nelse:\n    {}",
        "for x in y:\n    pass\nelse:\n    {}",
        "while x:\n    {}",
        "with x:\n    {}",
        "try:\n    {}\nfinally:\n    pass",
        "try:\n    pass\nexcept OSError:\n    {}",
        "try:\n    pass\nexcept* OSError:\n    {}",
        "try:\n    pass\nexcept OSError:\n    pass\nelse:\n    {}",
        "try:\n    pass\nfinally:\n    {}",
        "match x:\n    case 1:\n        {}",
        "class A:\n    async def f(self):\n        {}",
    ],
)
def test_imports_within_every_kind_of_block_count(package, block):
    module_file("deep.other", package).write_text(block.format("import ultraseg.deep.helper"))
    hashing._read.cache_clear()
    assert imported_modules(("deep.other",), package) == {"deep.other", "deep.helper"}


def test_every_part_of_a_statement_that_holds_statements_is_looked_into():
    """By Python's own grammar, in the docstrings of its classes: a later Python may have more of them."""
    grammar = "\n".join(kind.__doc__ for kind in (ast.mod, ast.stmt, ast.excepthandler, ast.match_case))
    holds = set(re.findall(r"(?:stmt|excepthandler|match_case)\* (\w+)", grammar))
    assert holds == {*hashing.BLOCKS}


def test_circles_of_imports_end(package):
    module_file("deep.helper", package).write_text("import ultraseg.high.top\n")
    hashing._read.cache_clear()
    assert imported_modules(("high.top",), package) == CHAIN


def edit(package, name, old, new):
    file = module_file(name, package)
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


@pytest.mark.parametrize(
    "name, old, new",
    [
        ("high.middle", "x + 1", "x + 2"),
        ("high.middle", "x + 1", "x - 1"),
        ("high.middle", "def f(x)", "def f(x=0)"),
        ("deep.helper", "h = 3", "h = 4"),  # imported by an import of an import
        ("deep.helper", "h = 3", "h = '3'"),
        ("deep.low", "helper.h", "helper.h  + 1"),
    ],
)
def test_changed_code_changes_the_hash(package, name, old, new):
    before = version(package, "high.top")
    edit(package, name, old, new)
    assert version(package, "high.top") != before


@pytest.mark.parametrize(
    "name, old, new",
    [
        ("high.middle", "Doc of the module.", "Other words."),
        ("high.middle", "Doc of the function.", "Other words.\n\n    And more.\n    "),
        ("high.middle", "    return", "    # Why it is so.\n\n    return"),
        ("high.middle", "x + 1", "(x   +   1)  # one more"),
        ("deep.helper", "h = 3", "\n\nh = 3\n"),
        ("deep.other", "a = 1", "a = 2"),  # not imported
        ("base.errors", "pass", "x = 1"),  # words for people
        ("high.middle", '"""Doc of the module."""\n', ""),
        ("high.top", "y = g", '"""Doc."""\ny = g'),
        ("high.middle", '    """Doc of the function."""\n', ""),
    ],
)
def test_what_is_not_code_does_not_change_the_hash(package, name, old, new):
    before = version(package, "high.top")
    if name == "high.top":
        file = module_file(name, package)
        file.write_text('"""Doc."""\n' + file.read_text())
    else:
        edit(package, name, old, new)
    assert version(package, "high.top") == before


def test_the_same_code_under_another_name_is_another_hash(package):
    module_file("deep.twin", package).write_text(module_file("deep.helper", package).read_text())
    assert version(package, "deep.twin") != version(package, "deep.helper")


def test_the_order_of_the_modules_does_not_matter(package):
    assert version(package, "high.top", "deep.other") == version(package, "deep.other", "high.top")
    assert version(package, "high.top", "deep.other") != version(package, "high.top")


def test_an_unknown_module_is_an_error(package):
    with pytest.raises(FileNotFoundError):
        version(package, "deep.no_such_module")


# ---- the rules of this workflow
def test_no_module_imports_in_a_way_that_would_be_missed():
    files = list(PACKAGE.rglob("*.py"))
    assert len(files) > 100
    for file in files:
        relative = [
            n for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.ImportFrom) and n.level
        ]
        assert not relative, f"{file} has a relative import"


def test_every_import_of_every_module_is_found():
    """Written apart from ``imports_of``: each line that names the package must lead to a file."""
    for file in PACKAGE.rglob("*.py"):
        text = file.read_text()
        lines = re.findall(r"^ *(?:from|import) (ultraseg\.[\w.]+)", text, re.M)
        found = {name for node in ast.walk(ast.parse(text)) for name in imports_of(node)}
        for line in lines:
            name = line.removeprefix("ultraseg.")
            assert any(one == name or one.startswith(f"{name}.") for one in found), f"{file}: {line}"


# Named apart from the code: whoever leaves another module out of the hashes must say so here as well.
PLUMBING = {"run.job", "networks.devices", "storage.arrays"}
WORDS_AND_NAMES = {"base.errors", "base.files", "grid.paths"}
CARD = {"train/train": {"networks.card"}}
RULES = rules_with_scripts()
ALL_SCRIPTS = sorted(str(file.relative_to(SCRIPTS).with_suffix("")) for file in SCRIPTS.rglob("*.py"))


def imported_by(script) -> set[str]:
    """The modules that a script imports, found apart from ``modules_of``."""
    tree = ast.parse((SCRIPTS / f"{script}.py").read_text())
    return {name for node in ast.walk(tree) for name in imports_of(node)}


def test_every_script_belongs_to_a_rule():
    assert len(ALL_SCRIPTS) > 30
    assert sorted({rule.script for rule in RULES}) == ALL_SCRIPTS


@pytest.mark.parametrize("rule", RULES, ids=[rule.name for rule in RULES])
def test_a_rule_names_the_code_of_its_own_script(rule):
    assert rule.code == rule.script


@pytest.mark.parametrize("script", ALL_SCRIPTS)
def test_a_rule_reruns_when_a_module_of_its_script_changes(script):
    left_out = {name for name in imported_by(script) if name.startswith("jobs.")} | PLUMBING | WORDS_AND_NAMES
    left_out |= CARD.get(script, set())
    named = imported_modules(tuple(modules_of(script)))
    assert imported_by(script) - left_out <= named
    if not script.startswith(("check", "verify")):  # these read the whole plan
        assert not [name for name in named if name.startswith(("jobs.", "plan.", "run."))]
    assert re.fullmatch(r"[0-9a-f]{16}", script_version(script))


def test_nothing_stands_around_the_numbers_without_need():
    """Each module that is left out would otherwise be in the hash of some script."""
    assert (AROUND, WITHOUT_NUMBERS, AROUND_ONE) == (PLUMBING, WORDS_AND_NAMES, CARD)
    for module in AROUND:
        only_there = [
            script
            for script in ALL_SCRIPTS
            if module in imported_by(script) and module not in imported_modules(tuple(modules_of(script)))
        ]
        assert only_there, module
    for script, modules in AROUND_ONE.items():
        assert modules <= imported_by(script) - imported_modules(tuple(modules_of(script)))
    for module in WITHOUT_NUMBERS:
        assert module_file(module).exists()


def test_thresholds_that_the_card_has_count_for_objects_and_the_card_itself_not_for_training():
    assert "networks.card" in modules_of("objects/objects_label") and "networks.card" in modules_of(
        "objects/objects"
    )
    assert "networks.card" not in imported_modules(tuple(modules_of("train/train")))


def test_a_script_that_is_not_there_is_an_error():
    with pytest.raises(FileNotFoundError):
        script_version("cells/no_such_script")


def test_versions_are_kept_until_any_code_changes(tmp_path, monkeypatch):
    kept = tmp_path / "kept/versions.json"
    found = hashing.versions.__wrapped__(kept)
    assert found == {script: code_version(*modules_of(script)) for script in ALL_SCRIPTS}
    text = kept.read_text()
    with monkeypatch.context() as patch:
        patch.setattr(hashing, "code_version", lambda *modules: pytest.fail("parsed again"))
        assert hashing.versions.__wrapped__(kept) == found
    for root in ("PACKAGE", "SCRIPTS"):
        folder = tmp_path / root
        shutil.copytree(getattr(hashing, root), folder)
        with monkeypatch.context() as patch:
            patch.setattr(hashing, root, folder)
            before = hashing._all_code()
            file = next(folder.rglob("*.py"))
            file.write_text(file.read_text() + " ")
            assert hashing._all_code() != before
            patch.setattr(hashing, "code_version", lambda *modules: "new")
            assert set(hashing.versions.__wrapped__(kept).values()) == {"new"}
        kept.write_text(text)


@pytest.mark.parametrize("damage", ["", "[]", '{"a": {}}', "{", "\x00"])
def test_a_damaged_file_of_versions_is_made_anew(tmp_path, damage):
    kept = tmp_path / "versions.json"
    kept.write_text(damage)
    assert hashing.versions.__wrapped__(kept) == hashing.versions(hashing.KEPT)
    assert json.loads(kept.read_text())


def test_a_folder_that_cannot_be_written_to_is_no_error(tmp_path):
    (tmp_path / "file").write_text("in the way of a folder")
    assert hashing.versions.__wrapped__(tmp_path / "file/versions.json") == hashing.versions(hashing.KEPT)


def test_hashes_do_not_depend_on_the_folder(package, tmp_path_factory):
    copy = tmp_path_factory.mktemp("copy")
    shutil.copytree(package, copy / "copy")
    assert version(copy / "copy", "high.top") == version(package, "high.top")
