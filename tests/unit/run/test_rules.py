"""What the rules ask: the class of every rule fits its script, and jobs ask for more than is expected."""

import ast
import pickle
import sys
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import pytest
import snakemake.api  # noqa: F401, I001  # first: the modules of Snakemake import each other in a circle
from asked import spec
from rule_texts import rules_with_scripts
from snakemake import dag, iocontainers, sourcecache
from snakemake.common import get_function_params, get_input_function_aux_params
from snakemake.exceptions import WorkflowError
from snakemake.io import AnnotatedString
from snakemake.iocontainers import InputFiles
from snakemake.output_index import OutputIndex
from snakemake.resources import Resource
from tiny_plan import config_of_ready_cells, make_plan, plan_of_affinities, plan_of_maps, write_stack
from ultraseg.jobs.ingest import Ingest
from ultraseg.jobs.spec import JobSpec, SlabJob, Wildcards
from ultraseg.plan.config import load_config
from ultraseg.plan.plan import Plan
from ultraseg.run.code_version import SCRIPTS
from ultraseg.run.rules import (
    BY_RULE,
    LEAST_MINUTES,
    MANY_FILES,
    MEMORY_MARGIN,
    TIME_MARGIN,
    Rules,
    environment_file,
    remember_lookups,
)

TEXTS = {rule.name: rule for rule in rules_with_scripts()}
TOLD_A_DICT = {"check", "verify", "report"}


# ---- the files of rules
def test_every_rule_that_runs_a_script_tells_it_a_job():
    assert len(TEXTS) > 40
    assert {name for name, rule in TEXTS.items() if rule.told == "dict"} == TOLD_A_DICT
    told = {name: rule.told for name, rule in TEXTS.items() if rule.told != "dict"}
    assert told == {name: name for name in BY_RULE if name not in TOLD_A_DICT}


def test_every_rule_asks_for_its_own_inputs_and_costs():
    for name, rule in TEXTS.items():
        for function in ("inputs", "mem_mb", "minutes"):
            asked = f"RULES.{function}("
            assert rule.text.count(asked) <= 1
            assert asked not in rule.text or f'{asked}"{name}")' in rule.text, f"{name}: {function}"


@pytest.mark.parametrize("name", [name for name in TEXTS if TEXTS[name].told != "dict"])
def test_a_script_takes_what_the_class_of_its_rule_has(name):
    """The class that the script makes of what it is told, the parts that it takes, the inputs that it names."""
    tree = ast.parse((SCRIPTS / f"{TEXTS[name].script}.py").read_text())
    (call,) = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "job"]
    kind = BY_RULE[name]
    own_names = {base.__name__ for base in kind.__mro__ if issubclass(base, JobSpec)}
    assert call.args[1].id in own_names
    made = next(base for base in kind.__mro__ if base.__name__ == call.args[1].id)
    assert {field.name for field in fields(made)} == {field.name for field in fields(kind)}
    taken = {
        n.attr
        for n in ast.walk(tree)
        if isinstance(n, ast.Attribute) and getattr(n.value, "id", "") == "spec"
    }
    known = {field.name for field in fields(made)} | {key for key in dir(made) if not key.startswith("_")}
    assert taken <= known


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plan")
    labels = {"cells": {"path": "cells", "planes": {"xz": write_stack(folder / "xz", [7], (21, 40))}}}
    made = plan_of_maps(folder, labels=labels | {s: s for s in ("nuclei", "membrane")})
    made.networks["context"].settings.update(model="other.keras", filters=None)
    return made


@pytest.fixture(scope="module")
def plan_of(plan, tmp_path_factory):
    """For a rule the plan that has jobs of it."""
    ready = Plan(load_config(config_of_ready_cells(tmp_path_factory.mktemp("ready"))))
    cut = plan_of_affinities(tmp_path_factory.mktemp("cut"))
    return lambda rule: {"take_cells": ready, "take_cuts": cut}.get(rule, plan)


def example(plan, rule):
    if rule == "take_cells":
        return {"slab": 1}
    structure = "nuclei" if rule.startswith("objects") else "cells"
    gap = next(iter(plan.tries("a").values())).name if rule == "try_method" else plan.gaps("a")[1].name
    network = "detail" if rule in ("maps_card", "take_maps") else "context"
    structure = "spots" if rule == "take_objects" else structure
    return {"slab": 1, "structure": structure, "network": network, "gap": gap, "plane": "xz", "brick": 0}


def inputs_named(tree: ast.Module) -> set[str]:
    """Names of inputs that a script takes from snakemake.input, or from a variable that stands for it."""
    stand_for = {"snakemake.input"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            targets = node.targets[0].elts if isinstance(node.targets[0], ast.Tuple) else node.targets
            values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
            pairs = zip(targets, values, strict=False)
            stand_for |= {ast.unparse(t) for t, value in pairs if ast.unparse(value) == "snakemake.input"}
    parts = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    return {node.attr for node in parts if ast.unparse(node.value) in stand_for} - {"keys"}


def test_inputs_that_a_script_names_are_found():
    tree = ast.parse("a, out = snakemake.input, snakemake.output\nf(a.x, out.y, snakemake.input.z, spec.w)")
    assert inputs_named(tree) == {"x", "z"}


@pytest.mark.parametrize("name", [name for name in TEXTS if TEXTS[name].told not in ("dict", "phantom")])
def test_a_script_reads_inputs_that_its_rule_names(plan_of, name):
    plan = plan_of(name)
    tree = ast.parse((SCRIPTS / f"{TEXTS[name].script}.py").read_text())
    if "RULES.inputs(" in TEXTS[name].text:
        assert inputs_named(tree) <= set(spec(plan, name, **example(plan, name)).inputs(plan))
    else:
        assert inputs_named(tree) == set()


# ---- functions of wildcards
def test_functions_of_rules_take_the_wildcards_of_snakemake(plan):
    rules, wildcards = Rules(plan), {"volume": "a", "slab": "1"}
    job = Ingest.of(plan, Wildcards(volume="a", slab=1))
    assert rules.spec("ingest", wildcards) == job
    assert rules.inputs("ingest")(wildcards) == job.inputs(plan)
    assert rules.told("ingest")(wildcards) == job.told()
    assert rules.cost("ingest", wildcards) == job.cost(plan)


def test_every_job_is_made_once_although_other_jobs_are_asked_in_between(tmp_path):
    """Snakemake asks all jobs for their files before it asks the first job for its parameters."""
    plan = make_plan(tmp_path, slab_depth=1)
    rules = Rules(plan)
    jobs = [
        (rule, {key: str(value) for key, value in wildcards._asdict().items() if value not in ("", -1)})
        for rule, kind in BY_RULE.items()
        if issubclass(kind, SlabJob)
        for wildcards in kind.each(plan, "a")
    ]
    assert len(jobs) > 200
    first = [rules.spec(rule, wildcards) for rule, wildcards in jobs]
    again = [rules.spec(rule, wildcards) for rule, wildcards in jobs]
    assert all(one is other for one, other in zip(first, again, strict=True))


def test_a_job_is_made_once_for_all_directives_of_its_rule(plan):
    rules, wildcards = Rules(plan), {"volume": "a", "slab": "1"}
    assert rules.spec("ingest", wildcards) is rules.spec("ingest", dict(wildcards))
    assert rules.spec("ingest", wildcards | {"slab": "2"}) is not rules.spec("ingest", wildcards)
    assert rules.spec("flow", wildcards) is not rules.spec("ingest", wildcards)
    assert Rules(plan).spec("ingest", wildcards) is not rules.spec("ingest", wildcards)


@pytest.mark.parametrize("rule", [name for name in BY_RULE if name not in ("phantom", "report_run")])
def test_jobs_ask_for_more_than_is_expected_and_more_on_every_attempt(plan_of, rule):
    plan = plan_of(rule)
    rules, wildcards = Rules(plan), {"volume": "a"} | {k: str(v) for k, v in example(plan, rule).items()}
    cost = rules.cost(rule, wildcards)
    memory = [rules.mem_mb(rule)(wildcards, attempt) for attempt in (1, 2, 3)]
    minutes = [rules.minutes(rule)(wildcards, attempt) for attempt in (1, 2, 3)]
    assert memory[0] >= max(MEMORY_MARGIN * cost.mem_mb, 300) and memory[0] % 100 == 0
    assert memory[1] > 1.7 * memory[0] and memory[2] > 2.5 * memory[0]
    assert minutes[0] >= max(LEAST_MINUTES, TIME_MARGIN * cost.seconds / 60) and minutes[2] == 3 * minutes[0]
    assert all(isinstance(number, int) for number in (*memory, *minutes))


def test_no_job_asks_for_more_than_the_largest_computer_has(plan, monkeypatch):
    monkeypatch.setitem(plan.config, "max_memory_gb", 1)
    assert Rules(plan).mem_mb("train")({"network": "context"}, 3) == 1000


def test_snakemake_looks_for_the_environment_only_where_it_makes_one(monkeypatch):
    def workflow(*methods):
        chosen = [SimpleNamespace(value=method) for method in methods]
        return SimpleNamespace(deployment_settings=SimpleNamespace(deployment_method=chosen))

    monkeypatch.setattr(sys, "argv", ["snakemake"])
    assert environment_file(workflow(), "x.yaml") is None
    assert environment_file(workflow("conda"), "x.yaml") == "x.yaml"
    assert environment_file(workflow("apptainer"), "x.yaml") is None
    monkeypatch.setattr(sys, "argv", ["snakemake", "--lint"])
    assert environment_file(workflow(), "x.yaml") == "x.yaml"


# ---- what Snakemake remembers
def test_snakemake_is_told_what_it_would_look_up_itself(monkeypatch):
    monkeypatch.setattr(sourcecache, "parse_uri", sourcecache.parse_uri)
    monkeypatch.setattr(OutputIndex, "match_producers", OutputIndex.match_producers)
    monkeypatch.delattr(Resource.evaluate, "_overwrite_params", raising=False)
    resource = Resource("mem_mb", lambda wildcards, attempt: 7 * attempt)
    given = {"attempt": 2, "input": [], "rulename": "a"}
    parts, asked = sourcecache.parse_uri("/a/b c.py"), get_function_params(resource.evaluate)
    assert get_input_function_aux_params(resource.evaluate, given) == given
    remember_lookups()
    remember_lookups()
    assert get_function_params(resource.evaluate) == dict(asked)
    assert get_input_function_aux_params(resource.evaluate, given) == given
    assert resource.evaluate(None, **given).value == 14
    assert sourcecache.parse_uri("/a/b c.py") == parts
    assert sourcecache.parse_uri("/a/b c.py") is sourcecache.parse_uri("/a/b c.py")


def test_a_snakemake_without_these_functions_is_left_alone(monkeypatch):
    monkeypatch.delattr(sourcecache, "parse_uri")
    monkeypatch.delattr(OutputIndex, "match_producers")
    monkeypatch.delattr("snakemake.resources.Resource")
    monkeypatch.delattr("snakemake.dag.ScriptProcessor")
    monkeypatch.delattr("snakemake.iocontainers.InputFiles")
    remember_lookups()
    assert not hasattr(sourcecache, "parse_uri")
    assert not hasattr(OutputIndex, "match_producers")
    assert not hasattr(dag, "ScriptProcessor")
    assert not hasattr(iocontainers, "InputFiles")


class Job:
    """A job with a script, as Snakemake hands it to its processors."""

    is_script = True
    wildcards: dict = {}
    params: dict = {}

    def __init__(self, rule):
        self.rule = rule


class ScriptRule:
    def __init__(self, script):
        self.script, self.basedir = script, None


class CountingCache:
    """A cache of the sources of scripts that counts what is opened."""

    def __init__(self, readable):
        self.readable, self.opened = readable, []

    def open(self, source):
        self.opened.append(Path(str(source.get_path_or_uri(secret_free=True))).name)
        return open(self.readable)

    def get_path(self, source):
        return str(source)

    def exists(self, source):
        return Path(self.opened[-1]).name != "missing.py"


def test_a_script_is_opened_once_for_the_jobs_of_a_rule(tmp_path, monkeypatch):
    monkeypatch.setattr(dag.ScriptProcessor, "process_job", dag.ScriptProcessor.process_job)
    remember_lookups()
    remember_lookups()
    (tmp_path / "a.py").write_text("1")
    cache = CountingCache(tmp_path / "a.py")
    graph = SimpleNamespace(workflow=SimpleNamespace(sourcecache=cache))
    processor, other = dag.ScriptProcessor(graph), dag.ScriptProcessor(graph)
    rules = [ScriptRule(str(tmp_path / name)) for name in ("a.py", "b.py", "missing.py")]
    for rule in (rules[0], rules[0], rules[1], rules[0]):
        processor.process_job(Job(rule))
    assert cache.opened == ["a.py", "b.py"]
    other.process_job(Job(rules[0]))
    assert cache.opened == ["a.py", "b.py", "a.py"]
    for _ in range(2):
        with pytest.raises(WorkflowError, match="missing.py not accessible"):
            processor.process_job(Job(rules[2]))
    changing = ScriptRule(str(tmp_path / "{wildcards.x}.py"))
    for x in ("c", "d"):
        job = Job(changing)
        job.wildcards = SimpleNamespace(x=x)
        processor.process_job(job)
    assert cache.opened[-2:] == ["c.py", "d.py"]


@pytest.mark.parametrize("n", [3, MANY_FILES, 500])
def test_files_are_found_among_the_inputs_of_a_job(monkeypatch, n):
    monkeypatch.delattr(InputFiles, "__contains__", raising=False)
    remember_lookups()
    remember_lookups()
    files = InputFiles([f"slab{i}" for i in range(n)])
    for _ in range(2):
        assert "slab0" in files and f"slab{n - 1}" in files and AnnotatedString("slab1") in files
        assert f"slab{n}" not in files and None not in files
    files.append("more")
    assert "more" in files and "slab1" in files
    assert "slab1" in pickle.loads(pickle.dumps(files))
    others = [InputFiles([f"{i}/{j}" for j in range(n)]) for i in range(50)]
    assert all(f"{i}/{n - 1}" in other for i, other in enumerate(others))
    del others
    again = [InputFiles([f"{i}!{j}" for j in range(n)]) for i in range(50)]
    assert all(f"{i}!1" in other and f"{i}/1" not in other for i, other in enumerate(again))


class Pattern(str):
    """A pattern of an output file, as rules give it to an index."""

    def constant_prefix(self):
        return self.partition("{")[0]

    def constant_suffix(self):
        return self.rpartition("}")[2]


class CountingRule:
    """A rule that makes the files of its patterns, and counts how often it was asked."""

    def __init__(self, *patterns):
        self.patterns, self.asked = [Pattern(pattern) for pattern in patterns], 0

    def products(self):
        return self.patterns

    def is_producer(self, file):
        self.asked += 1
        return True


def test_the_rules_of_a_file_are_looked_up_once_in_every_index(monkeypatch):
    monkeypatch.setattr(OutputIndex, "match_producers", OutputIndex.match_producers)
    one, two = CountingRule("a/{x}.txt", "a/{x}.csv"), CountingRule("a/{x}.txt")
    before = OutputIndex([one, two])
    expected = {file: before.match_producers(file) for file in ("a/1.txt", "a/1.csv", "b")}
    assert expected == {"a/1.txt": {one, two}, "a/1.csv": {one}, "b": set()}
    remember_lookups()
    remember_lookups()
    index, other = OutputIndex([one, two]), OutputIndex([two])
    one.asked = 0
    for _ in range(3):
        assert {file: index.match_producers(file) for file in expected} == expected
        assert other.match_producers("a/1.txt") == {two} and not other.match_producers("a/1.csv")
    assert one.asked == 2
