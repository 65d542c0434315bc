"""What every generated repository must hold, whatever was chosen; read from its files alone."""

import ast
import json
import re
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from conftest import contents, copier, run

PARSERS: dict[str, Callable[[str], object]] = {
    ".py": ast.parse,
    ".toml": tomllib.loads,
    ".lock": tomllib.loads,
    ".json": json.loads,
    ".yaml": lambda text: list(yaml.safe_load_all(text)),
    ".yml": lambda text: list(yaml.safe_load_all(text)),
}
CASES = {
    "default": ("flight-delays", []),
    "shortest name": ("q", []),
    "longest name": ("a" + "b" * 39, []),
    "no monitoring": ("flight-delays", ["monitoring=[]"]),
}


@pytest.fixture(scope="session", params=CASES, ids=lambda case: case.replace(" ", "-"))
def rendered(request: pytest.FixtureRequest, git_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generated repository of each case, in a folder of its project's name."""
    name, data = CASES[request.param]
    folder = tmp_path_factory.mktemp("rendered") / name
    arguments = [part for item in data for part in ("--data", item)]
    copier("copy", "--defaults", "--quiet", *arguments, git_template, folder)
    return folder


def texts(folder: Path) -> dict[str, str]:
    """Every file as text."""
    return {name: content.decode() for name, content in contents(folder).items()}


def test_every_file_parses(rendered: Path) -> None:
    for name, text in texts(rendered).items():
        if parse := PARSERS.get(Path(name).suffix):
            try:
                parse(text)
            except (SyntaxError, ValueError, yaml.YAMLError) as error:
                pytest.fail(f"{name}: {error}")


def test_no_sign_of_a_template(rendered: Path) -> None:
    marks = re.compile(
        r"(?<!\$)\{\{(?!\s*(\$|printf|index|\w+\b\s*\}\}))|\{%|\{#|__package__|pattern_fragments|StrictUndefined"
    )
    for name, text in texts(rendered).items():
        found = marks.search(text)
        assert not found, f"{name}: {text[max(0, found.start() - 40) : found.end() + 40]!r}"


def test_no_file_is_empty_and_every_file_ends_with_one_newline(rendered: Path) -> None:
    for name, text in texts(rendered).items():
        if name.endswith("py.typed"):
            continue
        assert text.strip(), f"{name} is empty"
        assert text.endswith("\n"), f"{name} does not end with a newline"
        assert not text.endswith("\n\n"), f"{name} ends with a blank line"
        assert not re.search(r"[ \t]+$", text, re.MULTILINE), f"{name} has trailing blanks"


def test_code_is_formatted_and_linted(rendered: Path) -> None:
    run(sys.executable, "-m", "ruff", "format", "--no-cache", "--check", "--diff", ".", cwd=rendered)
    run(sys.executable, "-m", "ruff", "check", "--no-cache", ".", cwd=rendered)


def test_links_in_markdown_lead_somewhere(rendered: Path) -> None:
    for name, text in texts(rendered).items():
        if not name.endswith(".md"):
            continue
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if re.match(r"[a-z]+:", target):
                continue
            path, _, anchor = target.partition("#")
            page = (rendered / name).parent / path if path else rendered / name
            # The model folder exists once something was trained.
            assert page.exists() or path.startswith("model/"), f"{name}: {target}"
            if anchor and page.suffix == ".md":
                headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
                anchors = {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}
                assert anchor in anchors, f"{name}: {target}"


def test_every_setting_is_read(rendered: Path) -> None:
    package = rendered / "src" / rendered.name.replace("-", "_")
    source = (package / "settings.py").read_text()
    names = re.findall(r"^    (\w+): ", source, re.MULTILINE)
    assert names
    code = "".join(path.read_text() for path in package.rglob("*.py") if path.name != "settings.py")
    assert [name for name in names if f"settings.{name}" not in code] == []


def test_every_module_is_imported_or_run(rendered: Path) -> None:
    package = rendered / "src" / rendered.name.replace("-", "_")
    others = {path: path.read_text() for path in rendered.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    for module in package.rglob("*.py"):
        if module.name == "__init__.py":
            continue
        used = re.compile(rf"\b{module.stem}\b")
        elsewhere = [path for path, text in others.items() if path != module and used.search(text)]
        assert elsewhere, f"{module.relative_to(rendered)} is named nowhere"


def test_records_name_exactly_what_was_chosen(rendered: Path) -> None:
    rows = tomllib.loads((rendered / "patterns.lock").read_text())["pattern"]
    pages = {path.stem for path in (rendered / "docs" / "patterns").iterdir()}
    assert pages == {f"{row['decision']}-{row['value']}".replace("_", "-") for row in rows}
    records = "".join(path.read_text() for path in (rendered / "docs" / "decisions").glob("0*.md"))
    for row in rows:
        assert f"({row['id']}, version {row['version']})" in records


def test_what_was_not_chosen_left_no_trace(git_template: Path, tmp_path: Path) -> None:
    service = tmp_path / "flight-delays"
    copier("copy", "--defaults", "--quiet", "--data", "monitoring=[]", git_template, service)
    traces = re.compile(r"prometheus|grafana|/metrics|SystemMetrics|runbook", re.IGNORECASE)
    found = {
        name: [line for line in text.splitlines() if traces.search(line)]
        for name, text in texts(service).items()
        # The record names the alternatives, and the pages of other patterns speak of monitoring in general.
        if not name.startswith("docs/") and traces.search(text)
    }
    assert found == {}


def test_a_description_may_hold_any_character(git_template: Path, tmp_path: Path) -> None:
    service = tmp_path / "flight-delays"
    description = """Says "late", 'later' or \\ never: #1 für 100 % of *all* [flights] & <more> 🛫 | $x {y}"""
    (tmp_path / "data.yml").write_text(yaml.safe_dump({"description": description}, allow_unicode=True))
    copier("copy", "--defaults", "--quiet", "--data-file", tmp_path / "data.yml", git_template, service)
    project = tomllib.loads((service / "pyproject.toml").read_text())["project"]
    assert project["description"] == description
    for name, text in texts(service).items():
        if parse := PARSERS.get(Path(name).suffix):
            parse(text)
