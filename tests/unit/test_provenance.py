"""Hashes of code: what changes numbers changes them, what does not does not."""

import ast
import re
from pathlib import Path

import pytest
from ultraseg import provenance
from ultraseg.provenance import PACKAGE, code_version, imported_modules

WORKFLOW = PACKAGE.parent
# Around the numbers, not in them. The card only writes down what training found: not worth training anew.
PLUMBING = {"job", "errors", "files", "devices", "store"}
WORDS = {"train.py": {"card"}}

BASE = '''"""Doc of the module."""
import ultraseg.low

def f(x):
    """Doc of the function."""
    return x + 1
'''


@pytest.fixture
def package(tmp_path):
    """A package: top -> middle -> low, and one that nothing imports."""
    modules = {
        "top": "from ultraseg.middle import g\n\ny = g(2)\n",
        "middle": BASE + "g = f\n",
        "low": "from ultraseg import helper\nfrom ultraseg.errors import UserError\n\nz = helper.h\n",
        "helper": "import numpy\n\nh = 3\n",
        "errors": "class UserError(Exception):\n    pass\n",
        "other": "a = 1\n",
    }
    for name, text in modules.items():
        (tmp_path / f"{name}.py").write_text(text)
    return tmp_path


def version(package, *modules) -> str:
    """The hash as a new process would find it."""
    code_version.cache_clear()
    provenance._read.cache_clear()
    return code_version(*modules, package=package)


def test_imports_are_followed(package):
    assert imported_modules(("top",), package) == {"top", "middle", "low", "helper"}
    assert imported_modules(("helper", "other"), package) == {"helper", "other"}


def test_imports_within_functions_count(package):
    (package / "other.py").write_text("def f():\n    from ultraseg.helper import h\n    return h\n")
    assert imported_modules(("other",), package) == {"other", "helper"}


def test_circles_of_imports_end(package):
    (package / "helper.py").write_text("import ultraseg.top\n")
    assert imported_modules(("top",), package) == {"top", "middle", "low", "helper"}


def edit(package, name, old, new):
    file = package / f"{name}.py"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


@pytest.mark.parametrize(
    "name, old, new",
    [
        ("middle", "x + 1", "x + 2"),
        ("middle", "x + 1", "x - 1"),
        ("middle", "def f(x)", "def f(x=0)"),
        ("helper", "h = 3", "h = 4"),  # imported by an import of an import
        ("helper", "h = 3", "h = '3'"),
        ("low", "helper.h", "helper.h  + 1"),
    ],
)
def test_changed_code_changes_the_hash(package, name, old, new):
    before = version(package, "top")
    edit(package, name, old, new)
    assert version(package, "top") != before


@pytest.mark.parametrize(
    "name, old, new",
    [
        ("middle", "Doc of the module.", "Other words."),
        ("middle", "Doc of the function.", "Other words.\n\n    And more.\n    "),
        ("middle", "    return", "    # Why it is so.\n\n    return"),
        ("middle", "x + 1", "(x   +   1)  # one more"),
        ("helper", "h = 3", "\n\nh = 3\n"),
        ("other", "a = 1", "a = 2"),  # not imported
        ("errors", "pass", "x = 1"),  # words for people
        ("middle", '"""Doc of the module."""\n', ""),
        ("top", "y = g", '"""Doc."""\ny = g'),
        ("middle", '    """Doc of the function."""\n', ""),
    ],
)
def test_what_is_not_code_does_not_change_the_hash(package, name, old, new):
    before = version(package, "top")
    if name == "top":
        (package / "top.py").write_text('"""Doc."""\n' + (package / "top.py").read_text())
    else:
        edit(package, name, old, new)
    assert version(package, "top") == before


def test_the_same_code_under_another_name_is_another_hash(package):
    (package / "twin.py").write_text((package / "helper.py").read_text())
    assert version(package, "twin") != version(package, "helper")


def test_the_order_of_the_modules_does_not_matter(package):
    assert version(package, "top", "other") == version(package, "other", "top")
    assert version(package, "top", "other") != version(package, "top")


def test_an_unknown_module_is_an_error(package):
    with pytest.raises(FileNotFoundError):
        version(package, "no_such_module")


# ---- the rules of this workflow
def test_no_module_imports_in_a_way_that_would_be_missed():
    for file in PACKAGE.glob("*.py"):
        relative = [
            n for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.ImportFrom) and n.level
        ]
        assert not relative, f"{file.name} has a relative import"


def rules_with_scripts():
    """(script, modules named in code_version) of every rule that runs a script."""
    for file in sorted((WORKFLOW / "rules").glob("*.smk")):
        for text in re.split(r"^\s*rule\b", file.read_text(), flags=re.M)[1:]:
            script = re.search(r'"\.\./scripts/(\w+\.py)"', text)
            code = re.search(r"code_version\(([^)]*)\)", text)
            if script:
                yield script[1], tuple(re.findall(r'"(\w+)"', code[1])) if code else ()


RULES = list(rules_with_scripts())


def test_every_script_belongs_to_a_rule():
    assert {script for script, _ in RULES} == {file.name for file in (WORKFLOW / "scripts").glob("*.py")}


@pytest.mark.parametrize("script, modules", RULES, ids=[script for script, _ in RULES])
def test_a_rule_reruns_when_a_module_of_its_script_changes(script, modules):
    assert modules, f"the rule of {script} names no code_version"
    tree = ast.parse((WORKFLOW / "scripts" / script).read_text())
    used = {name for node in ast.walk(tree) for name in provenance._names(node, PACKAGE)}
    assert used - PLUMBING - WORDS.get(script, set()) <= imported_modules(modules), (
        f"{script} also uses other modules"
    )


def test_hashes_do_not_depend_on_the_folder(package, tmp_path_factory):
    copy = tmp_path_factory.mktemp("copy")
    for file in package.glob("*.py"):
        (copy / file.name).write_text(file.read_text())
    assert version(Path(copy), "top") == version(package, "top")
