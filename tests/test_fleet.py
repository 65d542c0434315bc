"""The fleet report: what services are made of, and how far each is behind."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from time import perf_counter

import pytest
from conftest import commit_all, run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_template import change_manifest, clone, new_service, small_pattern, small_template
from template_changes import (
    deprecate_a_pattern,
    folder_of,
    rename_patterns,
    revise_a_file,
    revise_every_file_of_a_pattern,
)

from hooks.catalogue import read_catalogue
from hooks.fleet.__main__ import main, make_report
from hooks.fleet.page import to_html
from hooks.fleet.places import LEVELS, UsageError, find_places
from hooks.fleet.report import Report, ServiceRow, drift
from hooks.fleet.service import MAX_LINE, MAX_PATTERNS, read_service
from hooks.fleet.table import WIDTH, columns, lines
from hooks.fleet.template import Template, is_release
from hooks.yaml_source import MAX_BYTES

TODAY = date(2027, 3, 1)
WIDEST = 120
PATTERNS = 7
"""How many the service `orders` is composed of."""


@dataclass
class Fleet:
    """A template of two releases, and services made from the first."""

    template: Path
    services: Path

    def report(self, *arguments: Path | str, today: date = TODAY) -> Report:
        given = [str(argument) for argument in arguments or (self.services,)]
        return make_report(given, Template(read_catalogue(self.template)), today)

    def row(self, *arguments: Path | str, today: date = TODAY) -> ServiceRow:
        (row,) = self.report(*arguments, today=today).services
        return row

    def command(self, *arguments: Path | str) -> int:
        return main(["--template", str(self.template), "--today", TODAY.isoformat(), *map(str, arguments)])


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """Two services of v1.0.0, and a template that went on to v2.0.0. Read only."""
    root = tmp_path_factory.mktemp("fleet")
    template = small_template(root / "template")
    small_pattern(template, "deployment/mirror", "ML-DEP-903", "deploy/mirror.txt")
    commit_all(template, tag="v1.1.0")
    picked = ("--data", "guidance=direct", "--data")
    new_service(template, root / "services/orders", *picked, "monitoring=[system, probe]", "--data", "deployment=split")
    new_service(template, root / "services/team/returns", *picked, "serving=offline", "--data", "deployment=mirror")
    for change in (revise_a_file, revise_every_file_of_a_pattern, rename_patterns, deprecate_a_pattern):
        change(template)
    change_manifest(folder_of(template, "ML-MON-901"), version="1.0.1")
    run("git", "rm", "-r", "--quiet", "pattern_fragments/deployment/mirror", cwd=template)
    change_manifest(folder_of(template, "ML-DEP-901"), formerly=["mirror"])
    commit_all(template, "Next", tag="v2.0.0")
    commit_all(template, "After it")
    return Fleet(template, root / "services")


@pytest.fixture
def orders(fleet: Fleet, tmp_path: Path) -> Path:
    """A service that a test may change."""
    return clone(fleet.services / "orders", tmp_path / "orders")


def overrule(service: Path, text: str) -> None:
    with (service / "patterns.lock").open("a") as file:
        file.write(f"\n[[overruled]]\n{text}\n")


# --- What is said of a service ---------------------------------------------------------------------------------------


def test_each_pattern_stands_beside_its_newest_version(fleet: Fleet) -> None:
    orders, returns = fleet.report().services
    assert {row.title: (row.locked.version, row.newest, row.said) for row in orders.patterns} == {
        "primary_function/predict": ("1.0.0", "1.1.0", "minor behind"),
        "serving/online": ("1.0.0", "2.0.0", "major behind"),
        "deployment/split": (
            "1.0.0", "1.0.0", "current; deprecated, goes after 2030-01-01: take deployment/rolling",
        ),
        "monitoring/system": ("1.0.0", "1.0.1", "patch behind"),
        "monitoring/probe": ("1.0.0", "1.0.0", "current; now monitoring/watchdog"),
        "feature_store/inline": ("1.0.0", "1.0.0", "current"),
        "risk/baseline": ("1.0.0", "1.0.0", "current"),
    }  # fmt: skip
    said = {row.title: row.said for row in returns.patterns}
    assert said["serving/offline"] == "current; now serving/nightly"
    assert said["deployment/mirror"] == "gone; the next update takes deployment/rolling"


@pytest.mark.parametrize(
    ("version", "newest", "expected"),
    [
        ("1.2.3", "1.2.3", "current"),
        ("1.2.3", "1.2.10", "patch"),
        ("1.2.3", "1.10.0", "minor"),
        ("1.2.3", "10.0.0", "major"),
        ("1.10.0", "1.9.9", "ahead"),
    ],
)
def test_versions_are_compared_as_numbers(version: str, newest: str, expected: str) -> None:
    assert drift(version, newest) == expected


def test_a_revision_is_counted_in_releases_and_commits(fleet: Fleet) -> None:
    revision = fleet.report().services[0].revision
    assert (revision.name, revision.known) == ("v1.1.0", True)
    assert (revision.releases_behind, revision.commits_behind, revision.commits_ahead) == (1, 2, 0)
    assert revision.said == "1 release behind"
    template = Template(read_catalogue(fleet.template))
    newest = run("git", "rev-parse", "--short", "HEAD", cwd=fleet.template).stdout.strip()
    assert template.revision(newest).said == "newest"
    assert template.revision("v2.0.0").said == "1 commit behind"
    assert template.revision(f"v2.0.0-1-g{newest}").said == "newest"


def test_only_tags_that_copier_offers_are_releases() -> None:
    tags = ("v1.2.0", "1.2.0", "v1.2.0.post1", "v2.0.0-rc.1", "v2.0.0a1", "latest", "payments-v1")
    assert [tag for tag in tags if is_release(tag)] == ["v1.2.0", "1.2.0", "v1.2.0.post1"]


@pytest.mark.parametrize("name", ["v9.9.9", "0123abc", "main", "--all", "HEAD", "v1.0.0^{/x}", "", "x" * 300])
def test_a_revision_that_is_no_tag_and_no_commit_is_not_known(fleet: Fleet, name: str) -> None:
    assert not Template(read_catalogue(fleet.template)).revision(name).known


def test_a_service_of_a_later_revision_is_ahead(fleet: Fleet, tmp_path: Path) -> None:
    run("git", "clone", "--quiet", fleet.template, tmp_path / "template")
    run("git", "reset", "--quiet", "--hard", "v1.1.0", cwd=tmp_path / "template")
    revision = Template(read_catalogue(tmp_path / "template")).revision("v2.0.0")
    assert (revision.commits_behind, revision.commits_ahead) == (0, 1)
    assert revision.said == "1 commit not in this checkout"


def test_a_deprecated_pattern_is_overdue_only_when_its_day_has_passed(fleet: Fleet) -> None:
    for today, overdue in ((date(2030, 1, 1), False), (date(2030, 1, 2), True)):
        report = fleet.report(fleet.services / "orders", today=today)
        (row,) = report.deprecated
        assert row.deprecation
        assert row.deprecation.overdue is overdue
        found = [finding.text for finding in report.findings if finding.grave]
        assert found == (["deployment/split should be gone since 2030-01-01; take deployment/rolling"] * overdue)


def test_overruled_recommendations_are_told(fleet: Fleet, orders: Path) -> None:
    overrule(orders, 'decision = "deployment"\nrecommended = ["rolling"]\nchosen = ["split"]')
    overrule(orders, 'decision = "monitoring"\nrecommended = ["system", "probe"]\nchosen = []')
    row = fleet.row(orders)
    assert not row.service.problems
    assert [(choice.decision, choice.recommended, choice.chosen) for choice in row.service.overruled] == [
        ("deployment", ("rolling",), ("split",)),
        ("monitoring", ("system", "probe"), ()),
    ]
    told = [finding.text for finding in row.findings()]
    assert "deployment: rolling was recommended, split was chosen" in told
    assert "monitoring: system, probe was recommended, nothing was chosen" in told


def test_the_git_state_of_a_service_is_told(fleet: Fleet, orders: Path) -> None:
    head = run("git", "rev-parse", "HEAD", cwd=orders).stdout.strip()
    day = run("git", "log", "-1", "--format=%cs", cwd=orders).stdout.strip()
    state = fleet.row(orders).git
    assert state
    assert state.said == f"main {head[:7]} of {day}"
    overrule(orders, 'decision = "deployment"\nrecommended = ["rolling"]\nchosen = ["split"]')
    assert fleet.row(orders).git != state
    assert "patterns.lock not committed" in str(getattr(fleet.row(orders).git, "said", ""))
    run("git", "checkout", "--quiet", "--detach", "--force", cwd=orders)
    run("git", "pack-refs", "--all", cwd=orders)
    assert getattr(fleet.row(orders).git, "said", "") == f"no branch {head[:7]} of {day}"
    run("git", "checkout", "--quiet", "main", cwd=orders)
    run("git", "gc", "--quiet", cwd=orders)
    assert fleet.row(orders).git == state


def test_a_service_in_a_folder_of_a_repository_has_its_state(fleet: Fleet, orders: Path, tmp_path: Path) -> None:
    (orders / ".git").rename(tmp_path / "away")
    clone(orders, tmp_path / "mono/services/orders")
    assert fleet.row(orders).git is None
    commit_all(tmp_path / "mono")
    state = fleet.row(tmp_path / "mono").git
    assert state
    assert state.date
    assert not state.uncommitted
    above = fleet.row(tmp_path / "mono/services/orders")
    assert above.git is None, "what lies above the folder that was named is nobody's business"


# --- Where services are found ----------------------------------------------------------------------------------------


def found(fleet: Fleet, *arguments: Path | str) -> list[tuple[str, str]]:
    return [
        (row.service.name, row.service.problems[0] if row.service.problems else "")
        for row in fleet.report(*arguments).services
    ]


def test_a_folder_is_searched_two_levels_deep(fleet: Fleet, orders: Path, tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b" / "c"
    deep.parent.mkdir(parents=True)
    orders.rename(deep)
    assert LEVELS == 2
    assert found(fleet, tmp_path / "a") == [("orders", "")]
    assert "holds no patterns.lock" in found(fleet, tmp_path)[0][1]


def test_a_list_names_folders_and_urls(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "services").symlink_to(fleet.services)
    rows = ("# our services", "", "services/orders  # the first", f"file://{fleet.services}/team/returns", "gone")
    (tmp_path / "fleet.txt").write_text("\n".join(rows))
    report = fleet.report(tmp_path / "fleet.txt")
    places = [str(tmp_path / "services/orders"), f"file://{fleet.services}/team/returns", str(tmp_path / "gone")]
    assert [row.place for row in report.services] == places
    assert [len(row.patterns) for row in report.services] == [PATTERNS, PATTERNS - 1, 0]
    assert "cannot be found" in report.services[2].service.problems[0]


def test_a_service_that_is_named_twice_is_one_row(fleet: Fleet) -> None:
    assert len(fleet.report(fleet.services, fleet.services / "orders").services) == 2


def test_a_clone_gives_the_same_as_its_folder(fleet: Fleet) -> None:
    near, far = fleet.row(fleet.services / "orders"), fleet.row(f"file://{fleet.services}/orders")
    assert (far.service, far.revision, far.git, far.patterns) == (near.service, near.revision, near.git, near.patterns)
    assert far.place == f"file://{fleet.services}/orders"


def test_the_services_of_a_repository_of_several_are_found_by_its_url(
    fleet: Fleet, orders: Path, tmp_path: Path
) -> None:
    clone(orders, tmp_path / "mono/services/orders")
    (tmp_path / "mono/services/orders/.git").rename(tmp_path / "away")
    commit_all(tmp_path / "mono")
    row = fleet.row(f"file://{tmp_path}/mono")
    assert (row.place, len(row.patterns)) == (f"file://{tmp_path}/mono services/orders", PATTERNS)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://example.invalid/x", "http is not possible; possible: file, https, ssh"),
        ("git://example.invalid/x", "git is not possible"),
        ("file:///nowhere/at/all", "is not cloned: "),
    ],
)
def test_a_url_that_is_not_cloned_says_why(fleet: Fleet, url: str, reason: str) -> None:
    row = fleet.row(url)
    assert reason in row.service.problems[0]


def test_no_password_of_a_url_is_shown(fleet: Fleet, orders: Path) -> None:
    answers = orders / ".copier-answers.yml"
    text = "\n".join(
        "_src_path: https://me:s3cret@example.com/t" if "_src_path" in line else line
        for line in answers.read_text().splitlines()
    )
    answers.write_text(text)
    report = fleet.report(orders, "http://me:s3cret@example.invalid/x", "file://me:s3cret@localhost/nowhere")
    assert report.services[0].service.template == "https://example.com/t"
    shown = "\n".join([*lines(report), to_html(report), repr(report)])
    assert "example.invalid/x" in shown
    assert "s3cret" not in shown


def test_an_argument_that_is_nothing_is_bad_usage(
    fleet: Fleet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.txt").write_text("# nothing\n")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe")
    for argument, sentence in (
        (tmp_path / "nowhere", "is no folder, no list and no git URL"),
        (tmp_path / "empty.txt", "lists nothing"),
        (tmp_path / "binary.txt", "is not UTF-8 text"),
        ("x" * 5000, "is no folder"),
    ):
        assert fleet.command(argument) == 2
        assert sentence in capsys.readouterr().err
    assert fleet.command() == 2
    assert "No service is named" in capsys.readouterr().err
    with pytest.raises(UsageError):
        find_places(["\0"], tmp_path)


def test_links_are_not_followed(fleet: Fleet, orders: Path, tmp_path: Path) -> None:
    (tmp_path / "fleet").mkdir()
    (tmp_path / "fleet/linked").symlink_to(orders)
    assert "holds no patterns.lock" in found(fleet, tmp_path / "fleet")[0][1]
    lock = orders / "patterns.lock"
    lock.rename(tmp_path / "elsewhere.lock")
    lock.symlink_to(tmp_path / "elsewhere.lock")
    commit_all(orders)
    for place in (orders, f"file://{orders}"):
        assert "patterns.lock is a link, which is not followed" in fleet.row(place).service.problems[0]


def test_nothing_of_a_service_is_run(fleet: Fleet, orders: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    hook = tmp_path / "hook.sh"
    hook.write_text(f"#!/bin/sh\ntouch {ran}\n")
    hook.chmod(0o755)
    for name in ("core.fsmonitor", "core.pager", "core.sshCommand", "gpg.program", "filter.x.clean", "filter.x.smudge"):
        run("git", "config", name, hook, cwd=orders)
    run("git", "config", "log.showSignature", "true", cwd=orders)
    (orders / ".git/info/attributes").write_text("* filter=x\n")
    for name in ("post-checkout", "pre-commit", "reference-transaction"):
        (orders / ".git/hooks" / name).parent.mkdir(exist_ok=True)
        (orders / ".git/hooks" / name).symlink_to(hook)
    (orders / "patterns.lock").touch()
    (orders / "Makefile").write_text(f"$(shell touch {ran})\n")
    (orders / "scripts/update.py").write_text(f"open({str(ran)!r}, 'w')\n")
    report = fleet.report(orders, f"file://{orders}")
    assert len(report.services) == 2
    assert all(row.patterns and row.git and row.git.date for row in report.services)
    assert not ran.exists()
    run("git", "status", cwd=orders)
    assert ran.exists(), "the trap itself does not work"


# --- Services that are broken or hostile -----------------------------------------------------------------------------

DOTTED = "a" + ".a" * (MAX_BYTES // 2 - 10) + " = 1"
ROW = '[[pattern]]\nid = "{id}"\ndecision = "serving"\nvalue = "online"\nversion = "{version}"\n'
GOOD = ROW.format(id="ML-SERV-901", version="1.0.0")
ANSWERS = "_commit: v1.0.0\n_src_path: /x\nproject_name: a\nserving: online\n"

BROKEN = {
    "huge": (b"# x\n" * MAX_BYTES, "is larger than 100000 bytes"),
    "binary": (b"\0\xff\xfe" * 100, "is not UTF-8 text"),
    "nul": (b"a = '\0'", "is not TOML"),
    "empty": (b"", "holds no [[pattern]] tables"),
    "no-toml": (b"[[pattern", "is not TOML"),
    "nested": (b"a = " + b"[" * (MAX_LINE - 10), "is not TOML"),
    "dotted": (DOTTED.encode(), "is longer than 1000 characters"),
    "number": (b"pattern = 1", "holds no [[pattern]] tables"),
    "numbers": (b'pattern = [1]\nx = """\n[[pattern]]\n"""', "holds no [[pattern]] tables"),
    "many": (GOOD.encode() * (MAX_PATTERNS + 1), "holds 201 patterns"),
    "wrong-type": (b"[[pattern]]\nid = 7\ndecision = []\nvalue = {}\n", "has no valid id, decision, value, version"),
    "markup": (GOOD.replace("online", "<script>alert(1)</script>").encode(), "has no valid value"),
    "long": (GOOD.replace("online", "o" * 500).encode(), "has no valid value"),
    "version": (ROW.format(id="ML-SERV-901", version="9" * 70 + ".0.0").encode(), "has no valid version"),
    "twice": (GOOD.encode() * 2, "stands on line 1 too"),
    "overruled": (GOOD.encode() + b"[[overruled]]\ndecision = '<b>'\n", "names no decision"),
    "overruled-type": (GOOD.encode() + b"[[overruled]]\ndecision = 'a'\nchosen = 1\n", "lacks a list of values"),
    "overruled-number": (b"overruled = 1\n" + GOOD.encode(), "holds no list of at most 50 [[overruled]] tables"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_lock_is_a_row_that_says_why(fleet: Fleet, tmp_path: Path, case: str) -> None:
    content, sentence = BROKEN[case]
    (tmp_path / "patterns.lock").write_bytes(content)
    (tmp_path / ".copier-answers.yml").write_text(ANSWERS)
    began = perf_counter()
    row = fleet.row(tmp_path)
    assert perf_counter() - began < 2
    assert any(sentence in problem for problem in row.service.problems), row.service.problems
    assert all(len(problem) < 300 for problem in row.service.problems)
    assert all(finding.grave for finding in row.findings() if finding.text in row.service.problems)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, ".copier-answers.yml is missing"),
        (b"a" * (MAX_BYTES + 1), "is larger than"),
        (b"\xff", "is not UTF-8 text"),
        (b"- a\n", "is no mapping of answers"),
        (b"a: &x [1]\nb: *x\n", "an alias (*name) is not possible here"),
        (b"a: !!int ''\n", "holds a value that YAML cannot read"),
        (b"a: !!python/object/apply:os.system [x]\n", "is not YAML"),
        (b"serving: offline\n", "online is locked"),
        (b"[" * 50_000, "is nested too deeply"),
        (b"serving: 0x" + b"f" * 50_000, "holds an answer that cannot be shown"),
    ],
)
def test_answers_that_cannot_be_read_do_not_hide_the_patterns(
    fleet: Fleet, tmp_path: Path, content: bytes | None, sentence: str
) -> None:
    (tmp_path / "patterns.lock").write_text(GOOD)
    if content is not None:
        (tmp_path / ".copier-answers.yml").write_bytes(content)
    row = fleet.row(tmp_path)
    assert any(sentence in problem for problem in row.service.problems), row.service.problems
    assert [pattern.title for pattern in row.patterns] == ["serving/online"]


@pytest.mark.parametrize("kind", ["folder", "pipe", "link", "secret"])
def test_what_is_no_plain_file_is_not_read(fleet: Fleet, tmp_path: Path, kind: str) -> None:
    lock = tmp_path / "patterns.lock"
    match kind:
        case "folder":
            lock.mkdir()
        case "pipe":
            os.mkfifo(lock)
        case "link":
            lock.symlink_to("nowhere")
        case "secret":
            lock.symlink_to("/etc/passwd")
    (tmp_path / ".copier-answers.yml").write_text(ANSWERS)
    (problem,) = fleet.row(tmp_path).service.problems
    assert problem.startswith("patterns.lock ")
    assert "root:" not in problem


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\xff\xfe",
        b"ref: /etc/passwd",
        b"ref: ../../../etc/passwd",
        b"ref: refs/heads/../../../secret",
        b"ref: refs/heads/a\0b",
        b"ref: refs/heads/none",
        b"--all",
        b"0" * 40,
        b"x" * 200_000,
    ],
)
def test_a_repository_that_makes_no_sense_has_no_state(fleet: Fleet, orders: Path, tmp_path: Path, head: bytes) -> None:
    (tmp_path / "secret").write_text("a" * 40)
    (orders / ".git/HEAD").write_bytes(head)
    row = fleet.row(orders)
    assert row.git
    assert row.git.note
    assert "a" * 40 not in repr(row)
    assert not row.service.problems


@pytest.mark.parametrize("part", [".git", ".git/objects", ".git/HEAD", ".git/refs/heads"])
def test_a_repository_that_lies_elsewhere_is_not_followed(
    fleet: Fleet, orders: Path, tmp_path: Path, part: str
) -> None:
    (orders / part).rename(tmp_path / "elsewhere")
    (orders / part).symlink_to(tmp_path / "elsewhere")
    state = fleet.row(orders).git
    assert state
    assert state.note
    assert not state.date


def test_a_linked_worktree_has_no_state(fleet: Fleet, orders: Path, tmp_path: Path) -> None:
    run("git", "worktree", "add", "--quiet", "--detach", tmp_path / "worktree", cwd=orders)
    row = fleet.row(tmp_path / "worktree")
    assert row.git
    assert row.git.said == "the .git leads elsewhere, which is not followed"
    assert row.patterns


def test_a_broken_service_does_not_hide_the_others(fleet: Fleet, tmp_path: Path) -> None:
    for number, (content, _) in enumerate(BROKEN.values()):
        (tmp_path / f"{number:02}").mkdir()
        (tmp_path / f"{number:02}/patterns.lock").write_bytes(content)
    clone(fleet.services / "orders", tmp_path / "zz")
    report = fleet.report(tmp_path)
    assert len(report.services) == len(BROKEN) + 1
    assert not report.services[-1].service.problems


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lock=st.one_of(
        st.binary(max_size=200), st.text(alphabet="[]{}=\"'\\. \n#ax1-pternovidchsu", max_size=120).map(str.encode)
    ),
    answers=st.one_of(
        st.binary(max_size=200), st.text(alphabet="[]{}:-!&*|>%@\"' \n\t#ax1<~.", max_size=120).map(str.encode)
    ),
)
def test_whatever_a_service_holds_reading_it_tells_and_does_not_fail(
    tmp_path: Path, lock: bytes, answers: bytes
) -> None:
    (tmp_path / "patterns.lock").write_bytes(GOOD.encode() + lock)
    (tmp_path / ".copier-answers.yml").write_bytes(ANSWERS.encode() + answers)
    service = read_service(tmp_path)
    assert service.name.isprintable()
    assert all(problem.isprintable() for problem in service.problems)


# --- How it is shown -------------------------------------------------------------------------------------------------

EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&\x1b[31m\u202eevil"


@pytest.fixture
def evil(orders: Path, tmp_path: Path) -> Path:
    """A service that says all that it says in markup and escape sequences, in a folder of such a name."""
    answers = orders / ".copier-answers.yml"
    rows = [f"{name}: {json.dumps(EVIL)}" for name in ("project_name", "_commit", "_src_path", "golden_path")]
    kept = [line for line in answers.read_text().splitlines() if line.partition(":")[0] not in str(rows)]
    answers.write_text("\n".join([*kept, *rows]))
    overrule(orders, f'decision = "deployment"\nrecommended = [{json.dumps(EVIL)}]\nchosen = [7, {{a = 1}}]')
    named = tmp_path / "here" / EVIL.replace("/", "\\")
    named.parent.mkdir()
    return orders.rename(named)


class Reader(HTMLParser):
    """A page as a parser sees it: every element that is opened is closed, in order."""

    VOID = frozenset({"br", "meta"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text.append(data)


def read_page(report: Report) -> Reader:
    reader = Reader()
    reader.feed(to_html(report))
    reader.close()
    assert reader.open == []
    return reader


def test_the_page_is_whole_and_needs_nothing_else(fleet: Fleet) -> None:
    report = fleet.report(today=date(2031, 1, 1))
    page = read_page(report)
    tags = [tag for tag, _ in page.seen]
    assert not {"script", "img", "link", "iframe", "object", "form", "a"} & set(tags)
    assert not [
        name
        for _, attributes in page.seen
        for name in attributes
        if name in ("src", "href", "style") or name.startswith("on")
    ]
    assert "url(" not in to_html(report)
    assert "@import" not in to_html(report)
    assert {"caption", "thead", "svg", "main", "title"} <= set(tags)
    assert [attributes["scope"] for tag, attributes in page.seen if tag == "th"].count("rowgroup") == 2
    told = "".join(page.text)
    assert told.index("To be done") < told.index("To be known") < told.index("Every service")
    assert "overdue since 2030-01-01" in told


def test_the_bar_shows_the_share_of_each_state(fleet: Fleet) -> None:
    page = read_page(fleet.report())
    bars = {str(row["class"]): float(str(row["width"])) for tag, row in page.seen if tag == "rect"}
    assert sum(bars.values()) == pytest.approx(100, abs=0.1)
    assert bars["major"] == pytest.approx(100 / (2 * PATTERNS - 1), abs=0.01)
    label = next(row["aria-label"] for tag, row in page.seen if tag == "svg")
    assert label
    assert "1 major behind" in label


def test_nothing_that_a_service_says_becomes_markup(fleet: Fleet, evil: Path) -> None:
    report = fleet.report(evil)
    page = read_page(report)
    assert not {"script", "img"} & {tag for tag, _ in page.seen}
    assert "<script>alert(1)</script>" in "".join(page.text)
    assert "\x1b" not in to_html(report)
    assert "\u202e" not in to_html(report)


def test_nothing_that_a_service_says_steers_the_terminal(fleet: Fleet, evil: Path) -> None:
    shown = list(lines(fleet.report(evil)))
    assert any("<script>" in line for line in shown)
    assert all(line.isprintable() for line in shown)
    assert all(columns(line) <= WIDEST for line in shown)


def test_the_table_fits_a_terminal(fleet: Fleet, tmp_path: Path) -> None:
    assert WIDTH <= WIDEST
    wide = clone(fleet.services / "orders", tmp_path / ("説明" * 30))
    (wide / ".copier-answers.yml").write_text("serving: [" + "x" * 5000)
    shown = list(lines(fleet.report(tmp_path, fleet.services)))
    assert all(columns(line) <= WIDEST for line in shown)
    (head,) = [line for line in shown if line.startswith("SERVICE, PATTERN")]
    row = next(line for line in shown if line.startswith("  serving/online"))
    assert row[head.index("VERSION") :].split()[:2] == ["1.0.0", "2.0.0"]
    assert row.index("major behind") == head.index("STATE")


def test_a_brief_table_leaves_out_what_is_current(fleet: Fleet) -> None:
    whole, brief = (list(lines(fleet.report(), brief)) for brief in (False, True))
    assert any(line.startswith("  feature_store/inline") for line in whole)
    assert not any(line.startswith("  feature_store/inline") for line in brief)
    assert f"2 of {PATTERNS} patterns current" in " ".join(" ".join(brief).split())
    assert any(line.startswith("  deployment/split") for line in brief)


def test_json_holds_everything(fleet: Fleet, orders: Path, tmp_path: Path) -> None:
    overrule(orders, 'decision = "deployment"\nrecommended = ["rolling"]\nchosen = ["split"]')
    assert fleet.command(orders, "--json", tmp_path / "fleet.json") == 0
    document = json.loads((tmp_path / "fleet.json").read_text())
    assert (document["format"], document["today"]) == (1, "2027-03-01")
    assert document["summary"]["patterns_in_use"] == PATTERNS
    assert document["summary"]["drift"]["major"] == 1
    (service,) = document["services"]
    assert service["overruled"] == [{"decision": "deployment", "recommended": ["rolling"], "chosen": ["split"]}]
    assert service["revision"]["releases_behind"] == 1
    split = next(row for row in service["patterns"] if row["value"] == "split")
    assert split == {
        "id": "ML-DEP-902", "decision": "deployment", "value": "split", "version": "1.0.0", "newest": "1.0.0",
        "drift": "current", "now": None,
        "deprecated": {"remove_after": "2030-01-01", "replaced_by": "deployment/rolling", "overdue": False},
    }  # fmt: skip


# --- The command -----------------------------------------------------------------------------------------------------


def test_only_a_strict_report_fails_and_only_over_what_is_to_be_done(
    fleet: Fleet, orders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fleet.command(orders, "--strict") == 0
    assert fleet.command(orders, "--strict", "--today", "2030-01-02") == 1
    assert fleet.command(orders, "--today", "2030-01-02") == 0
    (orders / "patterns.lock").write_text("")
    capsys.readouterr()
    assert fleet.command(orders) == 0
    assert "To be done:\n  orders: patterns.lock holds no [[pattern]] tables" in capsys.readouterr().out
    assert fleet.command(orders, "--strict") == 1


def test_a_file_for_the_report_is_written_whole_or_not_at_all(
    fleet: Fleet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "folder").mkdir()
    for target in (tmp_path / "folder", tmp_path / "nowhere/fleet.html"):
        assert fleet.command(fleet.services, "--html", target) == 2
        assert "cannot be written" in capsys.readouterr().err
    assert fleet.command(fleet.services, "--html", tmp_path / "fleet.html") == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fleet.html", "folder"]
    capsys.readouterr()
    assert fleet.command(fleet.services, "--json", "-") == 0
    assert len(json.loads(capsys.readouterr().out)["services"]) == 2


@pytest.mark.parametrize("arguments", [["--today", "soon", "."], ["--colour", "."]])
def test_a_wrong_option_is_bad_usage(arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err


def test_a_catalogue_that_is_broken_reports_on_nobody(
    fleet: Fleet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = Fleet(clone(fleet.template, tmp_path / "template"), fleet.services)
    (folder_of(broken.template, "ML-SERV-901") / "pattern.yml").write_text("id: 7\n")
    assert broken.command(fleet.services) == 2
    assert "pattern_fragments/serving/online/pattern.yml:1: id" in capsys.readouterr().out
    assert main(["--template", str(tmp_path), str(fleet.services)]) == 2
    assert "holds no copier.yml" in capsys.readouterr().err


def test_a_template_without_git_still_compares_patterns(fleet: Fleet, tmp_path: Path) -> None:
    plain = Fleet(clone(fleet.template, tmp_path / "template"), fleet.services)
    (plain.template / ".git").rename(tmp_path / "away")
    report = plain.report()
    assert report.template == ""
    assert report.services[0].revision.said == "revision not known here"
    assert report.drifts["major"] == 1
