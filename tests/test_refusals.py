"""Bad answers: one clear sentence at the end of the output, a non-zero exit, and nothing written."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from conftest import commit_all, contents, copier, run

from hooks.space import answers, states
from proof.rendering import Renderer

NAME = "is no project name; use lower-case letters"
REFUSED = [
    ("project_name: My Service!", NAME),
    ("project_name: 1abc", NAME),
    ("project_name: ''", NAME),
    ("project_name: -abc", NAME),
    ("project_name: abc-", NAME),
    ("project_name: a--b", NAME),
    ("project_name: a_b", NAME),
    ("project_name: ünïcode", NAME),
    ('project_name: "abc\\n"', NAME),
    ("project_name: ../abc", NAME),
    (f"project_name: {'a' * 300}", "has 300 characters; at most 40 are possible"),
    ("project_name: class", '"class" is taken: by Python itself'),
    ("project_name: http", '"http" is taken: by Python itself'),
    ("project_name: numpy", '"numpy" is taken: by Python itself, a package that services use'),
    ("project_name: scikit-learn", '"scikit-learn" is taken'),
    ("project_name: yaml", '"yaml" is taken'),
    ("project_name: [a, b]", "Could not convert ['a', 'b'] to string"),
    ("project_name: null", 'question "project_name"'),
    ("description: '  '", "The description is empty"),
    (f"description: {'a' * 201}", "has 201 characters; at most 200 are possible"),
    ('description: "one\\ntwo"', "must be one line"),
    ("description: 'with {{ marks }}'", "must not hold template marks"),
    ("owner: nobody", "is no owner; write organisation/team"),
    ("owner: a/b/c", "is no owner; write organisation/team"),
    ("golden_path: unheard", "'unheard' is not in ["),
    ("serving: unheard", "Invalid choice for 'serving': 'unheard' is not in ['"),
    ("serving: 3", "Invalid choice for 'serving': '3' is not in ['"),
    ("serving: [online]", "Could not convert ['online'] to string"),
    ("monitoring: [unheard]", "Invalid choice for 'monitoring': 'unheard' is not in ['"),
    ("monitoring: system", 'monitoring is "system"; it must be a list, such as [] or ['),
    ("monitoring: 3", "monitoring is 3; it must be a list"),
    ("monitoring: null", "monitoring is null; it must be a list"),
    ("monitoring: {system: true}", "it must be a list"),
    ("servng: online", 'The data answers "servng", which is no question here; the questions are project_name,'),
    ("harm: people", 'The data answers "harm", which only the guided way asks; add guidance=guided, or leave it out.'),
]


@pytest.mark.parametrize(("data", "sentence"), REFUSED, ids=[data[:40] for data, _ in REFUSED])
def test_a_bad_answer_is_refused(git_template: Path, tmp_path: Path, data: str, sentence: str) -> None:
    (tmp_path / "data.yml").write_text(data)
    service = tmp_path / "my-service"
    done = copier("copy", "--defaults", "--data-file", tmp_path / "data.yml", git_template, service, check=False)
    assert done.returncode != 0
    assert sentence in done.stderr.strip().splitlines()[-1]
    assert not service.exists()


@pytest.fixture(scope="module")
def wide(wide_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template with more patterns, as a git repository with a tag."""
    folder = tmp_path_factory.mktemp("wide") / "ai-patterns"
    shutil.copytree(wide_template, folder)
    commit_all(folder, tag="v2.0.0")
    return folder


def ruled_out(root: Path) -> dict[str, tuple[dict[str, object], str]]:
    """Every choice that some earlier answers rule out, once for each reason: the answers, and the reason."""
    renderer = Renderer(root)
    catalogue = renderer.catalogue
    found: dict[str, tuple[dict[str, object], str]] = {}
    for chosen, decision in states(catalogue):
        if decision.name in catalogue.questions:
            for value, reason in renderer.choices(chosen, decision.name).items():
                data: dict[str, object] = {
                    **answers(catalogue, chosen),
                    decision.name: [value] if decision.multiple else value,
                }
                if reason:
                    found.setdefault(f"{decision.name}={value}: {reason}", (data, reason))
    return found


def as_arguments(data: dict[str, object]) -> list[str]:
    return [
        part
        for name, value in data.items()
        for part in ("--data", f"{name}={value if isinstance(value, str) else json.dumps(value)}")
    ]


def test_every_ruled_out_choice_is_refused_with_its_reason_however_it_is_given(
    wide: Path, wide_template: Path, tmp_path: Path
) -> None:
    cases = ruled_out(wide_template)
    assert len(cases) >= 3
    living = tmp_path / "living"
    copier("copy", "--defaults", "--quiet", wide, living)
    commit_all(living)
    before = contents(living)
    for data, reason in cases.values():
        (tmp_path / "data.yml").write_text(yaml.safe_dump(data))
        fresh = ("copy", "--defaults", wide, tmp_path / "fresh")
        for done in (
            copier(*fresh, *as_arguments(data), check=False),
            copier(*fresh, "--data-file", tmp_path / "data.yml", check=False),
            copier("update", "--defaults", *as_arguments(data), cwd=living, check=False),
        ):
            assert done.returncode != 0
            assert done.stderr.strip().splitlines()[-1].endswith(reason)
    assert not (tmp_path / "fresh").exists()
    assert contents(living) == before
    assert run("git", "status", "--porcelain", cwd=living).stdout == ""


def test_a_refused_update_changes_nothing(git_template: Path, tmp_path: Path) -> None:
    service = tmp_path / "my-service"
    copier("copy", "--defaults", "--quiet", git_template, service)
    commit_all(service)
    before = contents(service)
    done = copier("update", "--defaults", "--data", "serving=unheard", cwd=service, check=False)
    assert done.returncode != 0
    assert "'unheard' is not in" in done.stderr.strip().splitlines()[-1]
    assert contents(service) == before
