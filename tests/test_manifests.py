"""The check of the catalogue: each rule finds its planted defect, on the right line of the right file."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hooks.catalogue import read_catalogue
from hooks.check_patterns import find_all, main
from hooks.file_rules import LONGEST_PACKAGE
from hooks.findings import Finding
from hooks.page_rules import SECTIONS

ROOT = Path(__file__).parent.parent

# --- A small catalogue in which nothing is wrong --------------------------------------------------------------------

COPIER = """\
project_name:
  type: str
decisions:
  type: yaml
  when: false
  default:
    - {name: serving, title: Serving}
    - {name: release, title: Release}
    - {name: watch, title: Watch, multiple: true}
catalogue:
  type: yaml
  when: false
  default: !include pattern_fragments/*/*/pattern.yml
---
!include templates/decisions/project.yml
"""

SLOTS = {
    "README": "## The {{ package }} way\n\nRun it.\n",
    "alerts": "- alert: TooSlow\n  expr: up\n",
    "runbook": "## TooSlow\n\nLook.\n",
}

SKELETON = {
    "templates/decisions/project.yml": "package:\n  type: str\n",
    "templates/service/README.md.jinja": "{{ slot('README') }}{{ slot('checklist') }}{{ slot('README.diagram') }}\n",
    "templates/service/ops.md.jinja": "{{ slot(\"alerts\", '\\n') }}{{ slot('runbook') }}\n",
    "templates/service/src/{{ package }}/settings.py.jinja": "",
}

MANIFEST = """\
id: {id}
decision: {decision}
value: {value}
name: {name}
summary: Does one thing.
version: 1.0.0
status: stable
{relations}context: A force leads here.
consequences:
  gains: [It is simple.]
  costs: [It is slow.]
revisit_when: It is too slow.
dependencies:
  runtime: ["msgspec>=0.19,<1"]
settings:
  - name: {value}_port
    type: int
    default: 8080
    ge: 1
    le: 65535
    help: TCP port.
wiring:
  - module: .{value}
    names: [Thing]
files:
  - src/__package__/{value}.py
  - deploy/{value}.yaml
"""

PAGE = "# {name}\n\n" + "".join(
    f"## {title}\n\n"
    + ("Diagram: [Mermaid](pattern.mmd), [PlantUML](pattern.puml).\n\n" if title == "System architecture" else "")
    + "It holds.\n\n"
    for title in SECTIONS
)


def add_pattern(root: Path, identifier: str, decision: str, value: str, relations: str = "") -> Path:
    """Write a pattern folder in which nothing is wrong."""
    name = f"The {value} way"
    texts = {
        "pattern.yml": MANIFEST.format(id=identifier, decision=decision, value=value, name=name, relations=relations),
        "pattern.md": PAGE.format(name=name),
        "pattern.mmd": "flowchart LR\n  caller([caller]) -->|asks| service[service]\n",
        "pattern.puml": "@startuml\nactor caller\nparticipant service\ncaller -> service : asks\n@enduml\n",
        "CHANGELOG.md": "## 1.0.0\n\n- First revision.\n",
        f"files/src/__package__/{value}.py": "class Thing:\n    size = 1\n",
        f"files/deploy/{value}.yaml": "name: {{ project_name }}\n",
    }
    folder = root / "pattern_fragments" / decision / value
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    """Two alternatives, one that needs what the first provides, one that needs nothing, and two of a multiselect."""
    for path, text in {"copier.yml": COPIER, **SKELETON}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    add_pattern(tmp_path, "ML-SERV-001", "serving", "online", "provides: [http]\n")
    add_pattern(tmp_path, "ML-SERV-002", "serving", "batch")
    canary = add_pattern(tmp_path, "ML-REL-001", "release", "canary", "needs: [http]\n")
    (canary / "slots").mkdir()
    for name, text in SLOTS.items():
        (canary / "slots" / name).write_text(text)
    add_pattern(tmp_path, "ML-REL-002", "release", "rolling")
    add_pattern(tmp_path, "ML-WATCH-001", "watch", "metrics", "provides: [metrics]\n")
    add_pattern(tmp_path, "ML-WATCH-002", "watch", "drift")
    return tmp_path


def findings(root: Path) -> list[Finding]:
    return find_all(read_catalogue(root))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text, f"{old!r} is not in {path}"
    path.write_text(text.replace(old, new, 1))


def only(found: list[Finding]) -> Finding:
    assert len(found) == 1, [finding.text(Path("/")) for finding in found]
    return found[0]


def line_of(finding: Finding) -> str:
    return finding.path.read_text().splitlines()[finding.line - 1]


def test_a_catalogue_in_which_nothing_is_wrong_has_no_findings(catalogue: Path) -> None:
    assert findings(catalogue) == []


# --- One edit of one file: what is found, on the line that holds the given text -------------------------------------

YML, PY = "pattern.yml", "files/src/__package__/canary.py"
EDITS = [
    # the schema
    (YML, "summary: Does one thing.\n", "", "id: ML-REL-001", "summary", "is missing; one line"),
    (YML, "summary:", "sumary:", "sumary:", "sumary", "did you mean summary?"),
    (YML, "summary: Does one thing.", "summary: 3", "summary: 3", "summary", "3 is not text; one line"),
    (YML, "summary: Does one thing.", "summary: ''", "summary", "summary", "empty or too short; one line"),
    (YML, "id: ML-REL-001", "id: REL-1", "id: REL-1", "id", "'REL-1' is not possible here; ML-<AREA>"),
    (YML, "version: 1.0.0", "version: 1.0", "version:", "version", "1.0 is not text; a semantic version"),
    (YML, "version: 1.0.0", "version: v1.0.0", "version:", "version", "three numbers, e.g. 1.0.0"),
    (YML, "version: 1.0.0", "version: 01.0.0", "version:", "version", "three numbers, e.g. 1.0.0"),
    (YML, "status: stable", "status: done", "status:", "status", "experimental, stable or deprecated"),
    (YML, "  costs: [It is slow.]\n", "", "consequences:", "consequences.costs", "is missing; a list of sentences"),
    (YML, "gains: [It is simple.]", "gains: []", "gains", "consequences.gains", "at least one"),
    (YML, "gains: [It is simple.]", "gains: Simple.", "gains", "consequences.gains", "'Simple.' is not a list"),
    (YML, "consequences:\n", "true: 1\nconsequences:\n", "id:", "pattern.yml", "the key True is no text"),
    (YML, "needs: [http]", "needs: [HTTP]", "needs", "needs[0]", "'HTTP' is not possible here"),
    (YML, "dependencies:\n", "dependencies:\n  tests: []\n", "tests:", "dependencies.tests", "possible: dev, optional"),
    # dependencies
    (YML, "msgspec>=0.19,<1", "msgspec>=0.19", "msgspec", "dependencies.runtime[0]", "no upper bound; e.g. msgspec>="),
    (YML, "msgspec>=0.19,<1", "msgspec<1", "msgspec", "dependencies.runtime[0]", "has no lower bound"),
    (YML, "msgspec>=0.19,<1", "msgspec ?", "msgspec", "dependencies.runtime[0]", "is no PEP 508 requirement"),
    (YML, "msgspec>=0.19,<1", "a @ https://x.y/a.whl", "https", "dependencies.runtime[0]", "is an address"),
    (YML, '<1"]', '<1", "Msgspec>=0.1,<2"]', "Msgspec", "dependencies.runtime[1]", "msgspec stands twice"),
    # settings
    (YML, "default: 8080", "default: high", "default: high", "settings[0].default", "'high' is no int"),
    (YML, "default: 8080", "default: true", "default: true", "settings[0].default", "True is no int"),
    (YML, "default: 8080", "default: 0", "default: 0", "settings[0].default", "0 is below ge; at least 1"),
    (YML, "default: 8080", "default: 70000", "default: 7", "settings[0].default", "above le; at most 65535"),
    (YML, "default: 8080", "default: .nan", "default: .nan", "settings[0].default", "nan is not possible here"),
    (YML, "    default: 8080\n", "", "- name: canary_port", "settings[0].default", "is missing"),
    (YML, "ge: 1", "choices: [1, 2]", "default: 8080", "settings[0].default", "not among the choices; possible: 1, 2"),
    (YML, "ge: 1", "choices: [8080, x]", "choices", "settings[0].choices[1]", "'x' is no int"),
    (YML, "ge: 1", "max: 1", "max: 1", "settings[0].max", "possible: choices, default, ge"),
    (YML, "name: canary_port", "name: class", "name: class", "settings[0].name", "taken by Python or pydantic"),
    (YML, "name: canary_port", "name: model_dump", "model_dump", "settings[0].name", "taken by Python or pydantic"),
    (YML, "name: canary_port", "name: Port", "name: Port", "settings[0].name", "words joined by underscores"),
    (YML, "type: int", "type: list", "type: list", "settings[0].type", "bool, int, float, str, Path or HttpUrl"),
    # folder, decision, capabilities, deprecation
    (YML, "value: canary", "value: other", "value: other", "value", "is not the folder's name; it is 'canary'"),
    (YML, "needs: [http]", "needs: [grpc]", "needs", "needs[0]", "by no pattern; earlier decisions provide http"),
    (YML, "needs: [http]", "needs: [metrics]", "needs", "needs[0]", "only by a later decision"),
    (YML, "le: 65535", "when: grpc", "when: grpc", "settings[0].when", "by no pattern; possible: http, metrics"),
    (YML, "status: stable", "status: deprecated\nreplaced_by: ML-REL-009", "id:", "remove_after", "is missing"),
    (
        YML,
        "status: stable",
        "status: stable\nreplaced_by: ML-REL-009",
        "replaced_by",
        "replaced_by",
        "a pattern that is stable; leave it out",
    ),
    (
        YML,
        "status: stable",
        'status: deprecated\nreplaced_by: ML-REL-009\nremove_after: "2027-06-30"',
        "replaced_by",
        "replaced_by",
        "is no other pattern of this decision",
    ),
    (
        YML,
        "status: stable",
        "status: deprecated\nreplaced_by: ML-REL-009\nremove_after: 2027-06-30",
        "remove_after",
        "remove_after",
        "is not text; a date in quotes",
    ),
    # former values
    (YML, "status: stable", "status: stable\nformerly: [rolling]", "[rolling]", "formerly[0]", "to release/rolling"),
    (YML, "status: stable", "status: stable\nformerly: [canary]", "[canary]", "formerly[0]", "to release/canary"),
    (YML, "status: stable", "status: stable\nformerly: [Old]", "[Old]", "formerly[0]", "'Old' is not possible here"),
    # wiring and files
    (YML, "module: .canary", "module: .canari", "module", "wiring[0].module", "canari.py is given by no pattern"),
    (YML, "module: .canary", "module: canary", "module", "wiring[0].module", "a relative module of the package"),
    (YML, "names: [Thing]", "names: [Things]", "names", "wiring[0].names", "did you mean Thing?"),
    (YML, "- deploy/canary.yaml", "- deploy/canari.yaml", "canari", "files[1]", "did you mean deploy/canary.yaml?"),
    (YML, "- deploy/canary.yaml", "- /etc/canary.yaml", "/etc", "files[1].path", "is no plain relative path"),
    (YML, "- deploy/canary.yaml", "- ../canary.yaml", "../", "files[1].path", "is no plain relative path"),
    (YML, "- deploy/canary.yaml", "- {path: deploy/canary.yaml}", "{path", "files[1].when", "is missing"),
    # YAML itself
    (YML, "summary: Does", "version: 2.0.0\nsummary: Does", "version: 1.0.0", YML, "version stands twice (first"),
    (YML, "    type: int", "\ttype: int", "\ttype: int", YML, "a tab cannot indent YAML; use spaces"),
    (YML, "needs: [http]", "needs: [http", "context: A", YML, "is not YAML"),
    (YML, "needs: [http]", "needs: &a [http]\nprovides: *a", "provides: *a", YML, "an alias (*name) is not possible"),
    (YML, "summary: Does one thing.", "summary: !include x.yml", "!include", YML, "is not YAML"),
    (YML, "status: stable", "status: 2027-13-45", "id:", YML, "holds a value that YAML cannot read"),
    # the changelog
    ("CHANGELOG.md", "## 1.0.0", "## 1.1.0", "## 1.1.0", "version", "the top entry is 1.1.0, the manifest says 1.0.0"),
    ("CHANGELOG.md", "## 1.0.0", "1.0.0", "1.0.0", "version", "begin with a line `## 1.0.0`"),
    ("CHANGELOG.md", "- First revision.\n", "", "## 1.0.0", "version", "the entry is empty"),
    # the page
    ("pattern.md", "# The canary way", "# Canary", "# Canary", "title", "is not the manifest's name"),
    ("pattern.md", "# The canary way", "The canary way", "The canary way", "title", "does not begin with `# `"),
    ("pattern.md", "## Ethics", "## Morals", "## Morals", "sections", "it is `## Ethics`"),
    ("pattern.md", "## Ethics\n\nIt holds.\n\n", "", "## Testing", "sections", "it is `## Ethics`"),
    ("pattern.md", "## Ethics\n\nIt holds.\n\n", "## Ethics\n\n", "## Ethics", "sections", "is empty"),
    ("pattern.md", "## Data\n", "## Notes\n\nx\n\n## Data\n", "## Notes", "sections", "it is `## Data`"),
    ("pattern.md", "Diagram: ", "See: ", "See: ", "diagram", "begins with the line `Diagram: [Mermaid]"),
    ("pattern.md", "It holds.", "{{ value }}", "{{ value }}", "jinja", "value is no question of copier.yml"),
    ("pattern.md", "It holds.", "{{ $value }}", "$value", "jinja", "cannot be rendered"),
    # the diagrams
    ("pattern.mmd", "flowchart LR", "flowchat LR", "flowchat", "diagram", "is no diagram type"),
    ("pattern.mmd", "service[service]", "service[service", "service[", "diagram", "cannot be read at '[service'"),
    ("pattern.mmd", "service[service]", "service{{service}}", "service{{", "jinja", "choose another shape"),
    ("pattern.puml", "@enduml", "@endulm", "@endulm", "diagram", "does not end with @enduml"),
    ("pattern.puml", "actor caller", "\tactor caller", "actor", "diagram", "holds a tab"),
    # files and slots
    (PY, "class Thing:", "class Thing(", "class Thing(", "python", "is not Python"),
    (PY, "size = 1", "size = '{{ package }}'", "size", "jinja", "which has no place in Python"),
    (PY, "size = 1", f"size = '{'x' * 48}__package__'", "size", "length", "is 101 characters"),
    (PY, "class Thing", "from __package__.x import y\n\n\nclass Thing", "import y", "python", "a relative import"),
    (PY, "class Thing", "#!/usr/bin/python\nclass Thing", "#!", "mode", "cannot be executable"),
    ("files/deploy/canary.yaml", "{{ project_name }}", "{{ projct_name }}", "projct", "jinja", "mean project_name"),
    ("files/deploy/canary.yaml", "name", "name: ${{ github.ref }}\n\nname", "github", "jinja", "{% raw %}"),
    ("slots/README", "{{ package }}", "{% if %}", "{% if %}", "jinja", "cannot be rendered"),
    ("slots/runbook", "## TooSlow", "## TooSlo", "- alert: TooSlow", "alert", "no section `## TooSlow`"),
    ("slots/alerts", "- alert: TooSlow\n  expr: up\n", "- {}\n", "## TooSlow", "runbook", "no alert of this pattern"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "on_line", "field", "message"), EDITS, ids=lambda text: text[:30])
def test_a_planted_defect_is_found(
    catalogue: Path, file: str, old: str, new: str, on_line: str, field: str, message: str
) -> None:
    folder = catalogue / "pattern_fragments/release/canary"
    edit(folder / file, old, new)
    found = findings(catalogue)
    assert {finding.path.is_relative_to(folder) for finding in found} == {True}
    finding = only([one for one in found if one.field == field and message in one.message] or found)
    assert on_line in line_of(finding)
    assert finding.field == field
    assert message in finding.message


# --- Defects that are no edit of a text -----------------------------------------------------------------------------

CANARY = "pattern_fragments/release/canary"


def write(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


CHANGES: list[tuple[str, Callable[[Path], object], str, int, str, str]] = [
    ("no manifest", lambda folder: (folder / YML).unlink(), YML, 1, YML, "is missing"),
    ("empty manifest", lambda folder: write(folder / YML, "\n"), YML, 1, "file", "is empty"),
    ("only a comment", lambda folder: write(folder / YML, "# x\n"), YML, 1, YML, "is empty; a mapping"),
    ("a list", lambda folder: write(folder / YML, "- a\n"), YML, 1, YML, "['a'] is not a mapping of fields"),
    ("binary", lambda folder: write(folder / YML, b"id: a\nname: \xff\n"), YML, 2, "file", "is not UTF-8 text"),
    ("null byte", lambda folder: write(folder / YML, b"id: a\n\0\n"), YML, 2, "file", "holds a null byte"),
    ("control byte", lambda folder: write(folder / YML, b"id: a\n\x07\n"), YML, 2, YML, "a control character"),
    ("huge", lambda folder: write(folder / YML, "a: b\n" * 50_000), YML, 1, "file", "is larger than 100000 bytes"),
    ("deep", lambda folder: write(folder / YML, "[" * 5_000), YML, 1, YML, "is nested too deeply"),
    ("no page", lambda folder: (folder / "pattern.md").unlink(), "pattern.md", 1, "pattern.md", "is missing"),
    ("empty page", lambda folder: write(folder / "pattern.md", ""), "pattern.md", 1, "file", "is empty; fill or"),
    ("no diagram", lambda folder: (folder / "pattern.puml").unlink(), "pattern.puml", 1, "pattern.puml", "is missing"),
    ("stray file", lambda folder: write(folder / "notes.txt", "x"), "notes.txt", 1, "notes.txt", "is no part of"),
    ("stray folder", lambda folder: write(folder / "slot/a", "x"), "slot", 1, "slot", "did you mean slots?"),
    ("unlisted", lambda folder: write(folder / "files/a.txt", "x"), "files/a.txt", 1, "files", "is not listed in"),
    ("unknown slot", lambda folder: write(folder / "slots/READM", "x"), "slots/READM", 1, "slot", "mean README?"),
    ("empty slot", lambda folder: write(folder / "slots/README", ""), "slots/README", 1, "file", "is empty"),
    ("bad lines", lambda folder: write(folder / "slots/README.diagram", "a -> b"), "slots/README.diagram", 1,
     "diagram", "an arrow such as -->"),
    ("executable", lambda folder: (folder / PY).chmod(0o755), PY, 1, "mode", "is executable"),
    ("blank", lambda folder: edit(folder / "slots/README", "Run it.", "<<blank: how>>"), "slots/README", 3,
     "blank", "is not filled in; write how"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "file", "line", "field", "message"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES]
)
def test_a_broken_folder_is_found(
    catalogue: Path, change: Callable[[Path], object], file: str, line: int, field: str, message: str
) -> None:
    change(catalogue / CANARY)
    finding = only(findings(catalogue))
    assert (finding.path, finding.line, finding.field) == (catalogue / CANARY / file, line, field)
    assert message in finding.message


def test_a_link_is_found(catalogue: Path) -> None:
    path = catalogue / CANARY / "files/deploy/canary.yaml"
    path.unlink()
    path.symlink_to(catalogue / "copier.yml")
    assert "is a link" in only(findings(catalogue)).message


def test_a_shell_script_is_found(catalogue: Path) -> None:
    folder = catalogue / CANARY
    write(folder / "files/deploy/go.sh", "echo\n")
    edit(folder / YML, "  - deploy/canary.yaml", "  - deploy/canary.yaml\n  - deploy/go.sh")
    assert "is a shell script" in only(findings(catalogue)).message


def test_a_pattern_that_changes_nothing_is_found(catalogue: Path) -> None:
    folder = catalogue / CANARY
    for name in ("files", "slots"):
        shutil.rmtree(folder / name)
    text = (folder / YML).read_text()
    (folder / YML).write_text(text[: text.index("wiring:")])
    assert "gives no file and no slot" in only(findings(catalogue)).message


def test_a_folder_outside_the_decisions_is_found(catalogue: Path) -> None:
    add_pattern(catalogue, "ML-OTHER-001", "other", "thing")
    found = {(finding.path.name, finding.field) for finding in findings(catalogue)}
    assert found == {("other", "folder"), ("pattern.yml", "decision")}


# --- Patterns that meet ---------------------------------------------------------------------------------------------


def share(catalogue: Path, one: str, other: str, what: str) -> None:
    """Let two patterns, given as decision/value, have a file or a setting in common."""
    for title in (one, other):
        folder = catalogue / "pattern_fragments" / title
        value = folder.name
        if what == "file":
            edit(folder / YML, f"deploy/{value}.yaml", "deploy/shared.yaml")
            (folder / f"files/deploy/{value}.yaml").rename(folder / "files/deploy/shared.yaml")
        else:
            edit(folder / YML, f"name: {value}_port", "name: shared_port")


@pytest.mark.parametrize("what", ["file", "setting"])
def test_alternatives_may_share(catalogue: Path, what: str) -> None:
    share(catalogue, "serving/online", "serving/batch", what)
    assert findings(catalogue) == []


@pytest.mark.parametrize("what", ["file", "setting"])
def test_patterns_that_rule_each_other_out_may_share(catalogue: Path, what: str) -> None:
    share(catalogue, "serving/batch", "release/canary", what)
    assert findings(catalogue) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [("release/canary", "watch/drift"), ("serving/batch", "watch/drift"), ("watch/drift", "watch/metrics")],
)
@pytest.mark.parametrize("what", ["file", "setting"])
def test_patterns_that_can_be_chosen_together_may_not_share(catalogue: Path, one: str, other: str, what: str) -> None:
    share(catalogue, one, other, what)
    finding = only(findings(catalogue))
    assert "shared" in line_of(finding)
    assert "both can be chosen together" in finding.message


def test_conditions_that_exclude_each_other_let_patterns_share(catalogue: Path) -> None:
    """A file of drift beside http, and the same file of batch, which never meets http."""
    share(catalogue, "serving/batch", "watch/drift", "file")
    drift = catalogue / "pattern_fragments/watch/drift" / YML
    edit(drift, "- deploy/shared.yaml", "- {path: deploy/shared.yaml, when: http}")
    assert findings(catalogue) == []


def test_a_condition_that_never_holds_is_found(catalogue: Path) -> None:
    batch = catalogue / "pattern_fragments/serving/batch" / YML
    edit(batch, "- deploy/batch.yaml", "- {path: deploy/batch.yaml, when: http}")
    finding = only(findings(catalogue))
    assert (finding.field, "no combination holds" in finding.message) == ("files[1].when", True)


def test_needs_that_no_combination_meets_are_found(catalogue: Path) -> None:
    edit(catalogue / "pattern_fragments/serving/batch" / YML, "context:", "provides: [files]\ncontext:")
    edit(catalogue / CANARY / YML, "needs: [http]", "needs: [http, files]")
    finding = findings(catalogue)[0]
    assert (finding.field, "no combination of earlier choices" in finding.message) == ("needs", True)


@pytest.mark.parametrize("how", ["needs", "deprecated"])
def test_a_choice_that_leaves_a_later_decision_without_one_is_found(catalogue: Path, how: str) -> None:
    rolling = catalogue / "pattern_fragments/release/rolling" / YML
    if how == "needs":
        edit(rolling, "context:", "needs: [http]\ncontext:")
    else:
        edit(rolling, "stable", 'deprecated\nreplaced_by: ML-REL-001\nremove_after: "2027-06-30"')
    finding = only(findings(catalogue))
    assert (finding.path.name, finding.field, "{name: release" in line_of(finding)) == ("copier.yml", "release", True)
    assert "nothing can be recommended after serving=batch" in finding.message


def test_an_id_belongs_to_one_pattern(catalogue: Path) -> None:
    edit(catalogue / "pattern_fragments/watch/metrics" / YML, "ML-WATCH-001", "ML-WATCH-002")
    assert "ML-WATCH-002 belongs to watch/drift" in only(findings(catalogue)).message


def test_an_area_belongs_to_one_decision(catalogue: Path) -> None:
    edit(catalogue / CANARY / YML, "ML-REL-001", "ML-SERV-003")
    found = findings(catalogue)
    assert {finding.field for finding in found} == {"id"}
    assert "the area SERV belongs to the decision" in found[0].message


def test_a_file_of_the_skeleton_is_not_given_by_a_pattern(catalogue: Path) -> None:
    folder = catalogue / CANARY
    (folder / "files/deploy/canary.yaml").rename(folder / "files/README.md")
    edit(folder / YML, "deploy/canary.yaml", "README.md")
    finding = only(findings(catalogue))
    assert "README.md is a file of templates/service" in finding.message


def test_a_file_is_listed_once(catalogue: Path) -> None:
    edit(catalogue / CANARY / YML, "  - deploy/canary.yaml", "  - deploy/canary.yaml\n  - deploy/canary.yaml")
    assert "is listed twice" in only(findings(catalogue)).message


def test_a_former_value_belongs_to_one_pattern(catalogue: Path) -> None:
    edit(catalogue / CANARY / YML, "status: stable", "status: stable\nformerly: [stepwise]")
    assert findings(catalogue) == []
    rolling = catalogue / "pattern_fragments/release/rolling" / YML
    edit(rolling, "status: stable", "status: stable\nformerly: [stepwise]")
    assert "stepwise leads to release/canary" in only(findings(catalogue)).message


def test_a_replacement_that_exists_is_accepted(catalogue: Path) -> None:
    edit(
        catalogue / "pattern_fragments/serving/batch" / YML,
        "status: stable",
        'status: deprecated\nreplaced_by: ML-SERV-001\nremove_after: "2027-06-30"',
    )
    assert findings(catalogue) == []


def test_wiring_may_import_a_module_of_the_skeleton(catalogue: Path) -> None:
    edit(catalogue / CANARY / YML, "module: .canary", "module: .settings")
    assert findings(catalogue) == []


# --- The command ----------------------------------------------------------------------------------------------------


def test_the_command_prints_one_line_per_finding(
    catalogue: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(catalogue / CANARY / YML, "status: stable", "status: done")
    monkeypatch.chdir(catalogue)
    assert main([]) == 1
    assert capsys.readouterr().out == (
        f"{CANARY}/pattern.yml:7: status: 'done' is not possible here; experimental, stable or deprecated\n"
    )


def test_the_command_reports_below_the_given_paths_only(catalogue: Path) -> None:
    edit(catalogue / CANARY / YML, "status: stable", "status: done")
    assert main([str(catalogue / "pattern_fragments/serving")]) == 0
    assert main([str(catalogue / "pattern_fragments/release")]) == 1


@pytest.mark.parametrize("copier", [None, "x: 1\n", "decisions: [\n"], ids=["none", "no decisions", "no YAML"])
def test_without_a_catalogue_the_command_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, copier: str | None
) -> None:
    if copier is not None:
        (tmp_path / "copier.yml").write_text(copier)
    monkeypatch.chdir(tmp_path)
    assert main([]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_schema_is_printed_for_editors() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "hooks.manifest"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    schema = json.loads(printed)
    assert schema["additionalProperties"] is False
    assert {"id", "decision", "value", "version", "consequences"} <= set(schema["required"])
    assert schema["properties"]["status"]["enum"] == ["experimental", "stable", "deprecated"]


# --- This repository's own catalogue --------------------------------------------------------------------------------


def test_the_catalogue_of_this_repository_has_no_findings() -> None:
    found = findings(ROOT)
    assert found == [], "\n".join(finding.text(ROOT) for finding in found)


@pytest.mark.parametrize("package", ["a", LONGEST_PACKAGE], ids=["short", "long"])
def test_python_fragments_are_formatted_whatever_the_package_is_called(tmp_path: Path, package: str) -> None:
    fragments = ROOT / "pattern_fragments"
    for source in fragments.glob("*/*/files/**/*.py"):
        target = tmp_path / str(source.relative_to(fragments)).replace("__package__", package)
        write(target, source.read_text().replace("__package__", package))
    done = subprocess.run(
        ["ruff", "format", "--diff", "--line-length=100", "--isolated", tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
