"""Updates of random services: random answers, a random new revision, random edits of the team.

The examples are few and the same in the everyday run; `make prove` draws many.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import copier
import pytest
import yaml
from conftest import PROVE, commit_all, contents, run
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from small_template import clone, follow, is_domain, small_template, unmerged
from team_edits import edit
from template_changes import CHANGES

from hooks.catalogue import read_catalogue
from hooks.space import Combination, answers, space

# An example takes seconds: it is not shrunk, and the everyday ones are always the same.
EXAMPLES = settings(
    max_examples=12 if PROVE else 2,
    derandomize=not PROVE,
    database=None,
    deadline=None,
    print_blob=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


class World:
    """The template at v1.0.0, and a service for each combination that was asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.template = small_template(folder / "template")
        self._services: dict[str, Path] = {}

    def service(self, chosen: Combination) -> Path:
        """A service of v1.0.0. Read only."""
        name = "+".join("-".join(values) or "none" for values in chosen.values())
        if name not in self._services:
            folder = self.folder / name / "my-service"
            copier.run_copy(str(self.template), folder, data=data_of(self.template, chosen), defaults=True, quiet=True)
            commit_all(folder, "Start")
            self._services[name] = folder
        return self._services[name]

    @contextmanager
    def example(self, draw: st.DataObject) -> Iterator[tuple[Path, Path]]:
        """A clone of the template, and a service of random answers that follows it."""
        with TemporaryDirectory(dir=self.folder) as scratch:
            template = clone(self.template, Path(scratch) / "template")
            service = clone(self.service(draw_answers(draw, template)), Path(scratch) / "my-service")
            follow(service, template)
            yield template, service


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world"))


def data_of(template: Path, chosen: Combination) -> dict[str, Any]:
    return dict(answers(read_catalogue(template), chosen))


def draw_answers(draw: st.DataObject, template: Path) -> Combination:
    return draw.draw(st.sampled_from(list(space(read_catalogue(template)))), label="answers")


def draw_change(draw: st.DataObject, template: Path) -> dict[str, Any]:
    """Release a random revision, or new answers, or both; the answers to update with."""
    names = st.sets(st.sampled_from(CHANGES), min_size=3, max_size=10)
    for change in sorted(draw.draw(names, label="revision"), key=CHANGES.index):
        change(template)
    commit_all(template, "Release", tag="v2.0.0")
    return data_of(template, draw_answers(draw, template)) if draw.draw(st.booleans(), label="new answers") else {}


def update(service: Path, data: Mapping[str, Any]) -> None:
    """Copier's own update, without trust."""
    copier.run_update(service, data=dict(data), defaults=True, overwrite=True, quiet=True)


def outside(files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {path: content for path, content in files.items() if not is_domain(path)}


def domain(files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {path: content for path, content in files.items() if is_domain(path)}


@given(draw=st.data())
@EXAMPLES
def test_make_update_loses_nothing_that_the_team_wrote(world: World, draw: st.DataObject) -> None:
    with world.example(draw) as (template, service):
        unedited = contents(service)
        edits = edit(draw, service)
        before = contents(service)
        data = draw_change(draw, template)
        texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in data.items()}
        options = [part for name, text in texts.items() for part in ("--data", f"{name}={text}")]

        done = run(sys.executable, "scripts/update.py", *options, cwd=service, check=False)
        after = contents(service)

        assert done.returncode == (1 if unmerged(service) else 0), done.stderr
        everything = b"\n".join(after.values())
        assert [token for token in edits.tokens if token not in everything] == []
        assert domain(before).items() <= domain(after).items(), "what the team has in its folder stays as it is"
        assert edits.deleted.isdisjoint(after), "what the team deleted stays deleted"
        for path in edits.created - {"docs/added.md"}:
            assert after[path] == before[path]
        kept = {path.split("/", 2)[2]: content for path, content in after.items() if path.startswith("kept-by-update/")}
        gone = {path for path in before if path not in after and before[path] != unedited.get(path)}
        assert gone <= kept.keys()
        for path, content in kept.items():
            assert content == before[path]
            assert f"\n  {path}" in done.stdout

        commit_all(service, "Update")
        again = run(sys.executable, "scripts/update.py", cwd=service)
        assert "Nothing changed." in again.stdout
        assert contents(service) == after


@given(draw=st.data())
@EXAMPLES
def test_copier_alone_loses_only_files_that_go_and_binary_edits(world: World, draw: st.DataObject) -> None:
    with world.example(draw) as (template, service):
        edits = edit(draw, service)
        before = contents(service)
        update(service, draw_change(draw, template))
        after = contents(service)

        everything = b"\n".join(after.values())
        lost = {path for token in edits.tokens if token not in everything for path in before if token in before[path]}
        assert [path for path in lost if path in after and b"\0" not in before[path]] == []
        assert lost.isdisjoint(edits.created)
        assert domain(before).items() <= domain(after).items()
        assert edits.deleted.isdisjoint(outside(after))


@given(draw=st.data())
@EXAMPLES
def test_an_unedited_service_becomes_a_fresh_one_and_a_second_update_changes_nothing(
    world: World, draw: st.DataObject
) -> None:
    with world.example(draw) as (template, service):
        before = contents(service)
        update(service, draw_change(draw, template))
        after = contents(service)

        remembered = yaml.safe_load(after[".copier-answers.yml"])
        fresh = template.parent / "fresh" / "my-service"
        own = {name: value for name, value in remembered.items() if not name.startswith("_")}
        copier.run_copy(str(template), fresh, data=own, defaults=True, quiet=True)
        assert outside(after) == outside(contents(fresh))
        assert domain(before).items() <= domain(after).items()
        assert domain(contents(fresh)).keys() <= domain(after).keys()

        commit_all(service, "Update")
        update(service, {})
        assert contents(service) == after


@given(draw=st.data())
@EXAMPLES
def test_other_answers_and_back_returns_to_the_start(world: World, draw: st.DataObject) -> None:
    with world.example(draw) as (template, service):
        start = contents(service)
        remembered = yaml.safe_load(start[".copier-answers.yml"])
        there = data_of(template, draw_answers(draw, template))
        for data in (there, {name: remembered[name] for name in there}):
            update(service, data)
            commit_all(service, "Update")
        assert outside(contents(service)) == outside(start)
        assert domain(start).items() <= domain(contents(service)).items()
