"""Bad answers: one clear sentence at the end of the output, a non-zero exit, and nothing written."""

from pathlib import Path

import pytest
from conftest import add_pattern, commit_all, contents, copier

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
]


@pytest.mark.parametrize(("data", "sentence"), REFUSED, ids=[data[:40] for data, _ in REFUSED])
def test_a_bad_answer_is_refused(git_template: Path, tmp_path: Path, data: str, sentence: str) -> None:
    (tmp_path / "data.yml").write_text(data)
    service = tmp_path / "my-service"
    done = copier("copy", "--defaults", "--data-file", tmp_path / "data.yml", git_template, service, check=False)
    assert done.returncode != 0
    assert sentence in done.stderr.strip().splitlines()[-1]
    assert not service.exists()


def test_a_ruled_out_choice_is_refused_with_its_reason(template: Path, tmp_path: Path) -> None:
    add_pattern(template, "serving", "offline", "ML-SERV-900")
    add_pattern(template, "deployment", "split", "ML-DEP-900", needs=["http"])
    commit_all(template, tag="v2.0.0")
    service = tmp_path / "my-service"
    answers = ("--data", "serving=offline", "--data", "deployment=split")
    done = copier("copy", "--defaults", *answers, template, service, check=False)
    assert done.returncode != 0
    assert (
        done.stderr.strip()
        .splitlines()[-1]
        .endswith("Invalid choice for 'deployment': needs http, which comes with serving=online")
    )
    assert not service.exists()


def test_a_refused_update_changes_nothing(git_template: Path, tmp_path: Path) -> None:
    service = tmp_path / "my-service"
    copier("copy", "--defaults", "--quiet", git_template, service)
    commit_all(service)
    before = contents(service)
    done = copier("update", "--defaults", "--data", "serving=unheard", cwd=service, check=False)
    assert done.returncode != 0
    assert "'unheard' is not in" in done.stderr.strip().splitlines()[-1]
    assert contents(service) == before
