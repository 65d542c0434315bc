"""The structural check of diagrams, and its agreement with the real parsers."""

from pathlib import Path

import pytest
from conftest import thorough

from hooks.diagrams import flowchart_lines_problems, mermaid_problems, plantuml_problems, variants
from hooks.parse_diagrams import missing_tools, parse_all

ROOT = Path(__file__).parent.parent

MERMAID_GOOD = [
    "flowchart TD\n  a --> b",
    'flowchart LR\n  a["text (with) brackets"] -->|yes, no| b[(model folder)]\n',
    "flowchart LR\n  a([x]) -. sometimes .-> b{maybe} & c[[many]] ==> d((e)):::hot\n  classDef hot fill:#fff\n",
    "flowchart LR\n  %% why\n  subgraph one [The process]\n    direction TB\n    a --- b\n  end\n  one --> c\n",
    "flowchart LR\n  a[one<br>two] -- asks for --> b <--> c\n  a ---|x| c --o d; \n  b -. maybe .-> c ~~~ d\n",
    "sequenceDiagram\n  caller->>service: POST /predict\n  service-->>caller: 200\n",
    "stateDiagram-v2\n  [*] --> live\n  live --> [*]\n",
]
MERMAID_BAD = [
    ("", 1, "is empty"),
    ("pie\n  a: 1\n", 1, "is no diagram type"),
    ("flowchart LR\n  a --> end\n", 2, "'end' is a word of Mermaid"),
    ("flowchart LR\n  a --> b[foo (bar)]\n", 2, "in double quotes"),
    ("flowchart LR\n  a --> b\n  c -> d\n", 3, "an arrow such as -->"),
    ("flowchart LR\n  a -->\n", 2, "a node is expected there"),
    ("flowchart LR\n  subgraph x\n  a --> b\n", 2, "subgraph is never closed"),
    ("flowchart LR\n  a --> b\n  end\n", 3, "closes no subgraph"),
    ('flowchart LR\n  a["x] --> b\n', 2, "cannot be read"),
    ("flowchart LR\n  a\n", 1, "fewer than two nodes"),
    ("stateDiagram-v2\n  [* --> live\n", 2, "'[' is never closed"),
]
PLANTUML_GOOD = [
    "@startuml\nactor caller\ncaller -> service : x\nservice --> caller\n@enduml\n",
    '@startuml\n\' why\nnode "The process" {\n  component a\n  component [the b] as b\n}\na --> b\n@enduml\n',
]
PLANTUML_BAD = [
    ("actor a\n", 1, "does not begin with @startuml"),
    ("@startuml\na -> b\n", 2, "does not end with @enduml"),
    ("@startuml\nnode x {\na -> b\nb -> c\n@enduml\n", 2, "a block that is never closed"),
    ("@startuml\na -> b\n}\nb -> c\n@enduml\n", 3, "was never opened"),
    ('@startuml\nnode "x as y\na -> b\nb -> c\n@enduml\n', 2, "an open quote"),
    ("@startuml\na -> b\n!include x.puml\n@enduml\n", 3, "stands alone, offline"),
]


@pytest.mark.parametrize("text", MERMAID_GOOD)
def test_mermaid_that_parses_is_accepted(text: str) -> None:
    assert list(mermaid_problems(text)) == []


@pytest.mark.parametrize(("text", "line", "message"), MERMAID_BAD)
def test_mermaid_that_does_not_parse_is_found(text: str, line: int, message: str) -> None:
    (problem,) = mermaid_problems(text)
    assert (problem.line, message in problem.message) == (line, True), problem


@pytest.mark.parametrize("text", PLANTUML_GOOD)
def test_plantuml_that_parses_is_accepted(text: str) -> None:
    assert list(plantuml_problems(text)) == []


@pytest.mark.parametrize(("text", "line", "message"), PLANTUML_BAD)
def test_plantuml_that_does_not_parse_is_found(text: str, line: int, message: str) -> None:
    (problem,) = plantuml_problems(text)
    assert (problem.line, message in problem.message) == (line, True), problem


def test_lines_of_the_readme_diagram_need_no_second_node() -> None:
    assert list(flowchart_lines_problems("caller --> service\n")) == []
    assert [problem.line for problem in flowchart_lines_problems("a --> b\nb ->\n")] == [2]


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.slow
@thorough
def test_the_real_parsers_accept_every_diagram(tmp_path: Path) -> None:
    """After `make diagrams`, which installs them; they accept what our own check accepts, too."""
    parsers = ROOT / "build" / "diagram_parsers"
    if missing_tools() or not (parsers / "installed").is_file():
        pytest.skip("NOTHING PARSED: the real parsers are not installed; run `make diagrams`")
    found = list(parse_all(ROOT, parsers))
    assert found == [], "\n".join(finding.text(ROOT) for finding in found)
    folder = tmp_path / "pattern_fragments/a/b"
    write(folder / "pattern.mmd", "flowchart LR\n  a --> end\n")
    write(folder / "pattern.puml", "@startuml\na -> b\nfoo bar ->->\n@enduml\n")
    for index, text in enumerate(MERMAID_GOOD):
        write(tmp_path / f"pattern_fragments/a/good{index}/pattern.mmd", text)
    for index, text in enumerate(PLANTUML_GOOD):
        write(tmp_path / f"pattern_fragments/a/good{index}/pattern.puml", text)
    assert [(finding.path.parent, finding.field, finding.line) for finding in parse_all(tmp_path, parsers)] == [
        (folder, "mermaid", 2),
        (folder, "plantuml", 3),
    ]


def test_each_branch_of_a_condition_is_a_diagram_of_its_own_and_lines_keep_their_numbers() -> None:
    text = "a\n{% if x %}\nb\n{% elif y %}\nc\n{% else %}\nd\n{% endif %}\ne\n"
    assert variants(text) == ["a\n\nb\n\n\n\n\n\ne\n", "a\n\n\n\nc\n\n\n\ne\n", "a\n\n\n\n\n\nd\n\ne\n"]
    assert variants("a\n{% if x %}\nb\n{% endif %}\n") == ["a\n\nb\n\n", "a\n\n\n\n"]
