"""Format, lint and types of services: every distinct file is looked at, and a finding names the service it is from."""

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from proof.checks.linting import layers, lint, ruff_problems, services_to_type
from proof.services import Service

PYTHON = Path(sys.executable)
PROJECT = """\
[project]
name = "small"
requires-python = ">=3.11"

[tool.ruff]
line-length = 100

[tool.ruff.lint]
select = ["E", "F", "I"]

[tool.mypy]
strict = true
files = ["src"]
mypy_path = "src"
"""
GOOD = {"src/small/__init__.py": '"""Small."""\n', "src/small/sums.py": "def twice(x: int) -> int:\n    return 2 * x\n"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all, as the proof has: what mypy knows of the standard library stays."""
    return tmp_path_factory.mktemp("lint")


def small(name: str, files: Mapping[str, str], project: str = PROJECT) -> Service:
    """A service of a few files."""
    texts = {"pyproject.toml": project, "README.md": f"# {name}\n", **files}
    return Service({"serving": (name,)}, {path: text.encode() for path, text in texts.items()})


def test_good_services_have_no_problem(folder: Path) -> None:
    other = small("other", {**GOOD, "src/small/use.py": "from small.sums import twice\n\nFOUR = twice(2)\n"})
    assert lint([small("one", GOOD), other], folder, PYTHON, exactly=True) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("X  =  1\n", "src/small/sums.py:1: unformatted: File would be reformatted (serving: other)"),
        ("import os\n", "src/small/sums.py:1: F401 [*] `os` imported but unused (serving: other)"),
        ("def f(x):  # no types\n    return x\n", "src/small/sums.py:1: error: Function is missing a type annotation"),
    ],
)
def test_a_version_of_a_file_that_one_service_has_is_looked_at(folder: Path, text: str, expected: str) -> None:
    other = small("other", {**GOOD, "src/small/sums.py": text})
    found = lint([small("one", GOOD), other], folder, PYTHON)
    assert [row for row in found if row.startswith(expected) and row.endswith("(serving: other)")], found


def test_the_modules_of_a_service_are_its_own_when_imports_are_sorted(folder: Path) -> None:
    """The second layer holds a test alone; without the package there, `small` would be sorted as somebody else's."""
    test = "import pytest\n\nfrom small.sums import twice\n\nassert pytest and twice\n"
    services = [
        small("one", {**GOOD, "tests/test_a.py": '"""A."""\n'}),
        small("two", {**GOOD, "tests/test_a.py": test}),
    ]
    assert len(layers(services)) == 2
    assert list(ruff_problems(services, folder, PYTHON)) == []


def test_equal_files_are_looked_at_once() -> None:
    services = [small(name, GOOD) for name in ("one", "two", "three")]
    assert [set(layer.files) for layer in layers(services)] == [set(GOOD)]


def test_settings_of_the_linter_keep_services_apart() -> None:
    services = [small("one", GOOD), small("two", GOOD, PROJECT.replace("100", "80"))]
    assert [set(layer.files) for layer in layers(services)] == [set(GOOD), set(GOOD)]


def test_services_are_typed_until_every_file_was() -> None:
    first, second = {**GOOD, "src/small/a.py": "A = 1\n"}, {**GOOD, "src/small/b.py": "B = 1\n"}
    services = [small("one", first), small("two", second), small("both", {**first, **second}), small("again", first)]
    assert [service.chosen["serving"] for service in services_to_type(services, exactly=False)] == [("both",)]
    assert [service.chosen["serving"] for service in services_to_type(services, exactly=True)] == [
        ("one",),
        ("two",),
        ("both",),
    ]


def test_types_that_only_hold_apart_are_found_in_every_set_of_files(folder: Path) -> None:
    """Each file is right beside some other one; the last service joins two that do not fit."""
    use = "from small.sums import twice\n\nFOUR: int = twice(2)\n"
    text = "def twice(x: int) -> str:\n    return str(x)\n"
    apart = [
        small("one", {**GOOD, "src/small/use.py": use}),
        small("two", {**GOOD, "src/small/sums.py": text}),
        small("three", {**GOOD, "src/small/sums.py": text, "src/small/use.py": use}),
    ]
    found = lint(apart, folder, PYTHON, exactly=True)
    assert ["src/small/use.py:3" in row and "(serving: three)" in row for row in found] == [True]


def test_a_file_that_no_type_check_reads_is_named(folder: Path) -> None:
    found = lint([small("one", {**GOOD, "tools/run.py": "X = 1\n"})], folder, PYTHON)
    assert found == [
        "tools/run.py:1: is not among the files of [tool.mypy] in pyproject.toml, so nothing types it. (serving: one)"
    ]


def test_a_tool_that_cannot_run_is_a_problem(folder: Path) -> None:
    found = lint([small("one", GOOD, PROJECT.replace('["E", "F", "I"]', '["NO-SUCH-RULE"]'))], folder, PYTHON)
    assert [row for row in found if row.startswith("pyproject.toml:1: `ruff check` ended with 2")], found
