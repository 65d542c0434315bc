"""The checks of one file: each planted defect is named with its line, and what only looks like one is let pass."""

import pytest

from proof.checks.files import problems_of_file
from proof.checks.markdown import page

FILE_DEFECTS = {
    "an empty file": ("a.py", b"\n", "a.py:1: is empty"),
    "no newline at the end": ("a.txt", b"one\ntwo", "a.txt:2: does not end with a newline"),
    "a blank line at the end": ("a.txt", b"one\n\n", "a.txt:2: ends with a blank line"),
    "trailing blanks": ("a.txt", b"one\ntwo \nthree\n", "a.txt:2: has trailing blanks"),
    "a carriage return": ("a.txt", b"one\r\n", "a.txt:1: holds a carriage return"),
    "bytes that are no text": ("a.txt", b"one\n\xff\n", "a.txt:2: is not UTF-8"),
    "a merge conflict": ("a.txt", b"one\n<<<<<<< mine\n", "a.txt:2: holds the mark of a merge conflict"),
    "somebody's home": ("a.md", b"See /home/ann/notes.md\n", "a.md:1: names /home/ann/notes.md"),
    "somebody's temporary file": ("a.py", b'PATH = "/tmp/x.json"\n', "a.py:1: names /tmp/x.json"),
    "a Jinja expression": ("a.md", b"one\n{{ project_name }}\n", "a.md:2: holds {{ project_name }}"),
    "a Jinja expression in Python": ("a.py", b'NAME = "{{ package }}"\n', "a.py:1: holds {{ package }}"),
    "a Jinja expression among GitHub's": (
        ".github/workflows/a.yaml",
        b"a: {{ owner }}\n",
        "a.yaml:1: holds {{ owner }}",
    ),
    "a Jinja filter among alerts": ("deploy/monitoring/a.yaml", b'a: "{{ x | replace(1) }}"\n', "a.yaml:1: holds {{"),
    "a Jinja statement": ("a.txt", b"{% if x %}\n", "a.txt:1: holds {%"),
    "a Jinja comment": ("a.txt", b"x {# why #}\n", "a.txt:1: holds {#"),
    "the placeholder of the package": ("a.py", b"import __package__\n", "a.py:1: holds __package__"),
    "a path of the template": ("a.md", b"see pattern_fragments/\n", "a.md:1: holds pattern_fragments"),
    "Python that does not parse": ("a.py", b"x = 1\ndef f(:\n", "a.py:2: is not Python"),
    "Python with a bad escape": ("a.py", b'x = 1\ny = "\\d"\n', "a.py:2: is not Python: invalid escape"),
    "TOML that does not parse": ("a.toml", b"x = 1\ny = \n", "a.toml:2: is not TOML"),
    "a lock that does not parse": ("patterns.lock", b"[[pattern]\n", "patterns.lock:1: is not TOML"),
    "YAML that does not parse": ("a.yaml", b"a: 1\nb: [\n", "a.yaml:3: is not YAML"),
    "a YAML key given twice": (
        "a.yml",
        b"a: 1\nb:\n  c: 1\n  c: 2\n",
        "a.yml:4: is not YAML: the key 'c' stands twice",
    ),
    "JSON that does not parse": ("a.json", b'{"a": 1,}\n', "a.json:1: is not JSON"),
    "a JSON key given twice": ("a.json", b'{\n"a": 1,\n"a": 2}\n', "a.json:3: gives the key 'a' twice"),
    "an environment file with prose": ("a.env", b"A=1\nB 2\n", "a.env:2: 'B 2' is no NAME=value"),
    "a recipe with spaces": ("Makefile", b"a:\n    echo\n", "Makefile:2: begins with spaces"),
    "an unknown instruction": ("Dockerfile", b"FROM a\nRUM b\n", "Dockerfile:2: 'RUM' is no instruction"),
    "a Dockerfile without a base": ("Dockerfile", b"ARG a\n", "Dockerfile:1: has no FROM"),
    "an image that runs a shell": ("Dockerfile", b"FROM a\nCMD serve\n", "Dockerfile:2: CMD is no JSON list"),
    "an open fence": ("a.md", b"a\n```sh\nmake\n", "a.md:2: opens a fence that is never closed"),
    "a broken diagram": ("a.md", b"a\n```mermaid\nflowchart LR\n  a -> b\n```\n", "a.md:4: Mermaid: cannot be read"),
    "broken YAML in a page": ("a.md", b"a\n\n```yaml\na: 1\nb: [\n```\n", "a.md:6: is not YAML"),
    "broken Python in a page": ("a.md", b"```python\nx =\n```\n", "a.md:2: is not Python"),
}


@pytest.mark.parametrize("case", FILE_DEFECTS)
def test_a_defect_of_a_file_is_named(case: str) -> None:
    path, content, expected = FILE_DEFECTS[case]
    assert [row for row in problems_of_file(path, content) if expected in row], problems_of_file(path, content)


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("src/a/py.typed", b""),
        ("a.py", b'X = f"{{name}} {1:#x} {2:%H}"\n'),
        (".github/workflows/a.yaml", b"a: ${{ github.ref }}\nb: \"--format '{{ index .Digests 0 }}'\"\n"),
        ("deploy/monitoring/alerts.yaml", b'a: "{{ $value | humanizeDuration }} of {{ $labels.job }}"\n'),
        ("deploy/monitoring/dashboard.json", b'{"legendFormat": "{{namespace}}, 5m"}\n'),
        (".copier-answers.yml", b"_src_path: /home/ann/ai-patterns\n"),
        ("Dockerfile", b'ARG A=1\nFROM ${A} AS b\nRUN x \\\n    && y\nCMD ["a", "b"]\n'),
        ("Makefile", b"A := 1 \\\n  2\na:\n\techo\n"),
        ("a.md", b"Mount `/tmp`, see https://sre.google/workbook/x/.\n"),
    ],
)
def test_what_a_file_may_hold_is_no_defect(path: str, content: bytes) -> None:
    assert problems_of_file(path, content) == []


def test_headings_become_the_anchors_that_github_makes() -> None:
    text = "# A `b`: c/d\n\n## Same\n\n## Same\n\n```sh\n# no heading\n```\n\n### A [link](x.md), too\n"
    assert page(text).anchors == {"a-b-cd", "same", "same-1", "a-link-too"}


def test_links_in_code_are_no_links() -> None:
    assert page("[a](b.md) `[c](d.md)`\n\n```md\n[e](f.md)\n```\n").links == {"b.md"}
