"""What an organelle is to tables and figures: nuclei, nucleoli, or neither. A key says it; else the name does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Structures = Mapping[str, Mapping[str, Any]]

NUCLEI, NUCLEOLI = "nuclei", "nucleoli"
ROLES = (NUCLEI, NUCLEOLI)


def role_of(name: str, settings: Mapping[str, Any]) -> str | None:
    """The role of a structure; without the key ``role``, an organelle that is named like a role has it."""
    if settings["kind"] != "organelle":
        return None
    role = settings.get("role", name)
    return role if role in ROLES else None


def with_role(structures: Structures, role: str) -> str | None:
    """The structure that has a role; None where none has it."""
    return next((name for name, settings in structures.items() if role_of(name, settings) == role), None)


def role_problems(structures: Structures) -> Iterator[str]:
    """Roles that two structures have, and roles of structures that are no organelles."""
    for name, settings in structures.items():
        if settings["kind"] != "organelle" and settings.get("role", "none") != "none":
            yield f"structures.{name}.role: only organelles have one, not the kind {settings['kind']}; remove it"
    for role in ROLES:
        named = [name for name, settings in structures.items() if role_of(name, settings) == role]
        if len(named) > 1:
            yield (
                f"structures: {', '.join(named)} are all the {role} (role), only one may be; give the others role: none"
            )
