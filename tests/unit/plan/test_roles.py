"""The roles of organelles: by key, or else by name."""

import pytest
from ultraseg.plan.roles import role_of, role_problems, with_role


@pytest.mark.parametrize(
    ("name", "settings", "role"),
    [
        ("nuclei", {"kind": "organelle"}, "nuclei"),
        ("nucleoli", {"kind": "organelle"}, "nucleoli"),
        ("karyon", {"kind": "organelle"}, None),
        ("karyon", {"kind": "organelle", "role": "nuclei"}, "nuclei"),
        ("nuclei", {"kind": "organelle", "role": "none"}, None),
        ("nuclei", {"kind": "mask"}, None),
        ("nuclei", {"kind": "cells"}, None),
    ],
)
def test_a_role_is_a_key_or_else_the_name(name, settings, role):
    assert role_of(name, settings) == role
    found = with_role({"mito": {"kind": "organelle"}, name: settings}, "nuclei")
    assert found == (name if role == "nuclei" else None)


def test_roles_that_cannot_be_are_named():
    organelle = {"kind": "organelle"}
    assert not list(role_problems({"nuclei": organelle, "nucleoli": organelle, "m": {"kind": "mask"}}))
    (text,) = role_problems({"nuclei": organelle, "karyon": organelle | {"role": "nuclei"}})
    assert "nuclei, karyon are all the nuclei (role)" in text and "role: none" in text
    assert not list(
        role_problems({"nuclei": organelle | {"role": "none"}, "k": organelle | {"role": "nuclei"}})
    )
    (text,) = role_problems({"som": {"kind": "cells", "role": "nuclei"}})
    assert "structures.som.role: only organelles" in text
