"""The rules of the workflow as their files write them: which script each runs, and what it hands over."""

import re
from itertools import zip_longest
from typing import NamedTuple

from ultraseg.run.code_version import PACKAGE

RULES = PACKAGE.parent / "rules"
HEAD = re.compile(r"^[ ]*(?:use rule (?P<base>\w+) as (?P<used>\w+) with|rule(?: (?P<name>\w+))?):$", re.M)


class RuleText(NamedTuple):
    """One rule that runs a script; told: the rule that it names in RULES.told or .spec, or 'dict'."""

    name: str
    script: str
    told: str
    code: str
    text: str


def rules_with_scripts() -> list[RuleText]:
    """All rules that run a script, with the parts of their own text; ``use rule`` takes the script of its base."""
    found: dict[str, RuleText] = {}
    for file in sorted(RULES.glob("*.smk")):
        text = file.read_text()
        heads = list(HEAD.finditer(text))
        for head, following in zip_longest(heads, heads[1:]):
            rule = _rule(head, text[head.end() : following.start() if following else None], found)
            if rule:
                found[rule.name] = rule
    return list(found.values())


def _rule(head: re.Match[str], text: str, known: dict[str, RuleText]) -> RuleText | None:
    name = head["name"] or head["used"] or _first(r'name:\s*f"(\w+)_\{', text)  # one rule for each volume
    script = known[head["base"]].script if head["base"] else _first(r'"\.\./scripts/([\w/]+)\.py"', text)
    told = _first(r'\bjob=RULES\.(?:told|spec)\("(\w+)"', text) or ("dict" if "job={" in text else "")
    return (
        RuleText(name, script, told, _first(r'script_version\("([\w/]+)"\)', text), text) if script else None
    )


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found[1] if found else ""
