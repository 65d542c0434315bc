"""The proof proves: each planted defect is found by the part of the proof that has to find it.

The guards that take long have their turn in `make prove`.
"""

import re
from pathlib import Path

import pytest
from conftest import PROVE

from proof.mutations import GUARDS, MUTATIONS, NEEDY, SLOW, Mutation, add_needy, find
from proof.template import copy_template


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name.replace(" ", "-"))
def test_a_planted_defect_is_found(mutation: Mutation, plain_template: Path, tmp_path: Path) -> None:
    if mutation.guard in SLOW and not PROVE:
        pytest.skip(f"the guard {mutation.guard!r} takes long: `make prove` runs it")
    found = find(mutation, plain_template, tmp_path / "template")
    assert any(re.search(mutation.finding, problem) for problem in found), found[:20]


@pytest.mark.parametrize("guard", [guard for guard in GUARDS if PROVE or guard not in SLOW])
def test_without_a_defect_nothing_is_found(guard: str, tmp_path: Path) -> None:
    root = copy_template(tmp_path / "template")
    if guard != "manifests":
        add_needy(root)
        assert (root / NEEDY).is_dir()
    assert GUARDS[guard](root) == []
