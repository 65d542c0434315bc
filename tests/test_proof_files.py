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
    "a service beside services": (
        "compose.yaml",
        b"services:\n  a:\n    image: b\nc:\n  image: d\n",
        "compose.yaml:4: 'c' is no key of a compose file",
    ),
    "a service of nothing": (
        "compose.yaml",
        b"services:\n  a:\n    image: b\n  c:\n    ports: []\n",
        "compose.yaml:4: the service c has neither image nor build",
    ),
    "services that are missing": ("compose.yaml", b"name: a\n", "compose.yaml:1: has no services"),
    "a service that needs what is not there": (
        "compose.yaml",
        b"services:\n  a:\n    image: b\n    depends_on: [c]\n",
        "compose.yaml:4: a depends on c, which is no service here",
    ),
    "a service that waits for what is not there": (
        "compose.yaml",
        b"services:\n  a:\n    image: b\n    depends_on:\n      c: {condition: service_healthy}\n",
        "compose.yaml:5: a depends on c, which is no service here",
    ),
    "a rule beside the groups": (
        "deploy/monitoring/alerts.yaml",
        b"groups:\n  - name: a\n    rules: []\nrules: []\n",
        "alerts.yaml:4: 'rules' is no key of a rule file",
    ),
    "a rule among the groups": (
        "deploy/monitoring/alerts.yaml",
        b"groups:\n  - alert: A\n    expr: up == 0\n",
        "alerts.yaml:2: 'alert' is no key of a group of rules",
    ),
    "a group without a name": (
        "deploy/monitoring/alerts.yaml",
        b"groups:\n  - rules: []\n",
        "alerts.yaml:2: a group of rules has no name",
    ),
    "two groups of one name": (
        "deploy/monitoring/alerts.yaml",
        b"groups:\n  - name: a\n  - name: a\n",
        "alerts.yaml:3: a second group of rules is named a",
    ),
    "a misspelt key of a rule": (
        "deploy/monitoring/alerts.yaml",
        b"groups:\n  - name: a\n    rules:\n      - alert: A\n        expr: up == 0\n        annotation: {}\n",
        "alerts.yaml:6: 'annotation' is no key of a rule",
    ),
    "a rule that is an alert and a record": (
        "deploy/monitoring/alerts.yaml",
        b"groups:\n  - name: a\n    rules:\n      - alert: A\n        record: b\n        expr: up == 0\n",
        "alerts.yaml:4: a rule has exactly one of alert and record",
    ),
    "a rule without an expression": (
        "deploy/monitoring/drift-alerts.yaml",
        b"groups:\n  - name: a\n    rules:\n      - alert: A\n",
        "alerts.yaml:4: a rule has no expr",
    ),
    "a record that waits": (
        "deploy/monitoring/alerts.yaml",
        b"groups:\n  - name: a\n    rules:\n      - record: a:b\n        expr: up\n        for: 1m\n",
        "alerts.yaml:6: a rule that records has no 'for'",
    ),
    "two recipes for one target": (
        "Makefile",
        b"a: b\n\techo\n\n.PHONY: a\na: ## again\n\techo\n",
        "Makefile:5: gives a a second recipe; the first, in line 1, is lost",
    ),
    "a test that is skipped": (
        "tests/test_a.py",
        b"import pytest\n\n\n@pytest.mark.skip(reason='later')\ndef test_a() -> None: ...\n",
        "tests/test_a.py:4: skips tests without a condition (mark.skip)",
    ),
    "a module of tests that is skipped": (
        "tests/test_a.py",
        b"import pytest\n\npytestmark = [pytest.mark.skip]\n",
        "tests/test_a.py:3: skips tests without a condition (mark.skip)",
    ),
    "a test that is skipped if true": (
        "tests/test_a.py",
        b"import pytest\n\npytestmark = pytest.mark.skipif(True, reason='later')\n",
        "tests/test_a.py:3: skips tests by a constant (mark.skipif)",
    ),
    "a test that begins with a skip": (
        "tests/test_a.py",
        b"import pytest\n\n\ndef test_a() -> None:\n    pytest.skip('later')\n",
        "tests/test_a.py:5: skips tests without a condition (pytest.skip)",
    ),
    "a module that begins with a skip": (
        "tests/test_a.py",
        b"import pytest\n\npytest.skip('later', allow_module_level=True)\n",
        "tests/test_a.py:3: skips tests without a condition (pytest.skip)",
    ),
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
        ("deploy/monitoring/a.yaml", b'a: "{{ $value | humanizeDuration }} of {{ $labels.job }}"\n'),
        ("deploy/monitoring/dashboard.json", b'{"legendFormat": "{{namespace}}, 5m"}\n'),
        (".copier-answers.yml", b"_src_path: /home/ann/ai-patterns\n"),
        ("Dockerfile", b'ARG A=1\nFROM ${A} AS b\nRUN x \\\n    && y\nCMD ["a", "b"]\n'),
        ("Makefile", b"A := 1 \\\n  2\na:\n\techo\n"),
        ("Makefile", b"a: b\na:\n\techo\nifdef X\nb:\n\techo\nelse\nb:\n\techo 1\nendif\nc d:\n\techo\n"),
        (
            "compose.yaml",
            b"x-a: &a\n  image: b\nservices:\n  a:\n    <<: *a\n  c:\n    build: .\n    depends_on: [a]\nvolumes: {}\n",
        ),
        (
            "deploy/monitoring/alerts.yaml",
            b"groups:\n  - name: a\n    interval: 1m\n    rules:\n      - record: a:b\n        expr: up\n"
            b"      - alert: A\n        expr: up == 0\n        for: 1m\n        labels: {severity: page}\n",
        ),
        ("deploy/monitoring/grafana/alerts.yaml", b"apiVersion: 1\ngroups:\n  - orgId: 1\n"),
        ("deploy/monitoring/tests/alerts.yaml", b"rule_files: [../alerts.yaml]\n"),
        (
            "tests/test_a.py",
            b"import shutil\nimport pytest\n\npytestmark = pytest.mark.skipif(not shutil.which('a'), reason='no a')\n"
            b"if not shutil.which('b'):\n    pytest.skip('no b', allow_module_level=True)\n\n\n"
            b"def test_a() -> None:\n    if not shutil.which('c'):\n        pytest.skip('no c')\n",
        ),
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
