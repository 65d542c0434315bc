"""Running the tests of generated services: small ones here, which show one thing each."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent

import pytest
from conftest import ROOT

from proof.running import environment
from proof.running.runner import Outcome, run_tests
from proof.services import Service

Runs = Callable[..., list[Outcome]]

PYPROJECT = """
[project]
name = "small"

[tool.pytest.ini_options]
filterwarnings = ["error"]
markers = ["slow: takes long"]
"""
PASSES = "def test_it(): pass"


def service(**files: str) -> Service:
    """A service of these files: `__` stands for a slash, a name without a suffix is a Python file."""
    texts = {"pyproject": PYPROJECT, "src__small____init__": "", **files}
    suffixes = {"pyproject": ".toml"}
    return Service(
        {},
        {
            name.replace("__", "/").replace("//init/", "/__init__") + suffixes.get(name, ".py"): dedent(text).encode()
            for name, text in texts.items()
        },
    )


def changed(before: Service, name: str, text: str) -> Service:
    """The service with one file added or replaced."""
    return Service(before.chosen, {**before.files, name: dedent(text).encode()})


@pytest.fixture(scope="module")
def python() -> Path:
    return environment.python()


@pytest.fixture
def runs(tmp_path: Path, python: Path) -> Runs:
    """`run_tests` with a store of its own, in one worker that imports nothing beforehand."""

    def run(*services: Service, limit_s: float = 30, fresh: bool = False) -> list[Outcome]:
        return run_tests(
            services, tmp_path / "proof", workers=1, limit_s=limit_s, fresh=fresh, preload=[], python=python
        )

    return run


def test_a_slow_module_runs_once_where_that_is_asked(tmp_path: Path, python: Path) -> None:
    slow = "import pytest\npytestmark = [pytest.mark.slow]\ndef test_it(): pass"
    services = [service(tests__test_a=slow, tests__test_b=PASSES), service(tests__test_a=slow, tests__test_c=PASSES)]
    outcomes = run_tests(services, tmp_path / "proof", workers=1, limit_s=30, slow_once=True, preload=[], python=python)
    assert [one.output for one in outcomes if one.failed] == []
    ran = [(services.index(one.service), one.module) for one in outcomes]
    assert ran == [(0, "tests/test_a.py"), (0, "tests/test_b.py"), (1, "tests/test_c.py")]


def ran(outcomes: list[Outcome]) -> set[str]:
    """The modules that were run, all of them well."""
    assert [outcome.output for outcome in outcomes if outcome.failed] == []
    return {Path(outcome.module).stem for outcome in outcomes if not outcome.reused}


def test_outcomes_count_and_a_failure_comes_with_its_output(runs: Runs) -> None:
    tests = """
        import pytest, warnings
        def test_right(): pass
        def test_wrong(): assert 6 * 7 == 41, "the answer is another"
        def test_warning(): warnings.warn("an old way")
        @pytest.mark.skipif(True, reason="no broker is here")
        def test_skipped(): pass
    """
    failing, passing = runs(service(tests__test_a=tests, tests__test_b=PASSES))
    assert (failing.module, failing.passed, failing.failed) == ("tests/test_a.py", 1, 2)
    assert "the answer is another" in failing.output
    assert "UserWarning: an old way" in failing.output
    assert failing.skipped == (("tests/test_a.py::test_skipped", "no broker is here"),)
    assert (passing.module, passing.passed, passing.failed, passing.output) == ("tests/test_b.py", 1, 0, "")


@pytest.mark.parametrize(
    ("text", "test"),
    [
        ("import pytest\npytestmark = pytest.mark.skip(reason='no broker')\ndef test_it(): pass", "::test_it"),
        ("import pytest\npytest.skip('no broker', allow_module_level=True)", ""),
        ("import pytest\npytest.importorskip('nothing_like_it', reason='no broker')", ""),
    ],
)
def test_a_module_that_is_skipped_as_a_whole_tells_why(runs: Runs, text: str, test: str) -> None:
    skipping = service(tests__test_a=text)
    for reused in (False, True):
        (outcome,) = runs(skipping)
        assert (outcome.passed, outcome.failed, outcome.reused) == (0, 0, reused)
        assert outcome.skipped == ((f"tests/test_a.py{test}", "no broker"),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import nothing_like_it", "No module named 'nothing_like_it'"),
        ("x = 1", "no tests ran"),
        ("import os\ndef test_it(): os.abort()", "ended with status -6"),
        ("def test_it(): import hooks", "No module named 'hooks'"),
        ("def test_it(): import proof", "No module named 'proof'"),
    ],
)
def test_a_module_that_cannot_be_run_has_failed(runs: Runs, text: str, said: str) -> None:
    (outcome,) = runs(service(tests__test_a=text))
    assert outcome.failed
    assert said in outcome.output


def test_a_failure_is_run_again_by_the_next_session_and_a_success_is_not(runs: Runs, tmp_path: Path) -> None:
    there = tmp_path / "there"
    tests = f"import os\ndef test_it(): assert os.path.exists({str(there)!r})"
    both = service(tests__test_a=tests, tests__test_b=PASSES)
    assert [outcome.failed for outcome in runs(both)] == [1, 0]
    there.touch()
    assert ran(runs(both)) == {"test_a"}
    assert ran(runs(both)) == set()
    assert ran(runs(both, fresh=True)) == {"test_a", "test_b"}


# What a module reads, how it reads it, and a change that must let that module run again, and no other.
READS: Mapping[str, tuple[str, tuple[str, str]]] = {
    "a file": ("from pathlib import Path; Path('docs/data.py').read_text()", ("docs/data.py", "2")),
    "a module": ("import small.part", ("src/small/part.py", "x = 2")),
    "a module that was missing": (
        "import contextlib\n    with contextlib.suppress(ImportError): import small.other",
        ("src/small/other.py", ""),
    ),
    "a module in a subprocess": (
        "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import small.part'], check=True)",
        ("src/small/part.py", "x = 2"),
    ),
    "a script": (
        "import subprocess, sys; subprocess.run([sys.executable, 'docs/data.py'], check=True)",
        ("docs/data.py", "2"),
    ),
    "a file that was missing": ("import os; os.path.exists('docs/new.md')", ("docs/new.md", "")),
    "a list of a folder": ("from pathlib import Path; list(Path('docs').glob('*'))", ("docs/new.md", "")),
    "a file by another program": (
        "import subprocess; subprocess.run(['cat', 'docs/data.py'], check=True)",
        ("docs/data.py", "2"),
    ),
    "a folder by a shell": (
        "import subprocess; subprocess.run(['sh', '-c', 'ls notes >&2'], check=True)",
        ("notes/new.md", ""),
    ),
}


def test_a_result_holds_until_something_changes_that_the_module_read(runs: Runs) -> None:
    modules = {read: f"test_{number}" for number, read in enumerate(READS)}
    files = {f"tests__{modules[read]}": f"def test_it():\n    {code}" for read, (code, _) in READS.items()}
    before = service(docs__data="1", notes__old="1", src__small__part="x = 1", tests__test_other=PASSES, **files)
    assert ran(runs(before)) == {*modules.values(), "test_other"}

    expected: dict[tuple[str, str], set[str]] = {("tests/notes.md", "Nobody reads this."): set()}
    for read, (_, change) in READS.items():
        expected.setdefault(change, set()).add(modules[read])
    after = {change: changed(before, *change) for change in expected}
    outcomes = runs(*after.values())
    found = {change: ran([row for row in outcomes if row.service is after[change]]) for change in expected}
    assert found == expected


def test_everything_counts_as_read_by_a_process_that_is_not_watched(runs: Runs) -> None:
    tests = "import subprocess\ndef test_it(): subprocess.run(['true'], env={}, check=True)"
    before = service(tests__test_a=tests, tests__test_b=PASSES)
    assert ran(runs(before)) == {"test_a", "test_b"}
    assert ran(runs(before)) == set()
    assert ran(runs(changed(before, "README.md", "New."))) == {"test_a"}


def test_the_options_of_pytest_count_as_read_and_the_rest_of_their_file_does_not(runs: Runs) -> None:
    before = service(tests__test_a=PASSES)
    assert ran(runs(before)) == {"test_a"}
    assert ran(runs(changed(before, "pyproject.toml", PYPROJECT.replace("small", "tiny")))) == set()
    assert ran(runs(changed(before, "pyproject.toml", PYPROJECT + "addopts = '--strict-markers'"))) == {"test_a"}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what native code opens")
def test_a_file_that_native_code_reads_counts(runs: Runs) -> None:
    tests = """
        import ctypes
        def test_it():
            libc = ctypes.CDLL(None)
            assert libc.open(b"docs/data.py", 0) > 0
    """
    before = service(docs__data="1", tests__test_a=tests)
    assert ran(runs(before)) == {"test_a"}
    assert ran(runs(before)) == set()
    assert ran(runs(changed(before, "docs/data.py", "2"))) == {"test_a"}


def test_a_module_runs_once_for_all_services_in_which_it_reads_the_same(runs: Runs) -> None:
    reads = "from small import part\ndef test_it(): assert part.x"
    one = service(src__small__part="x = 1", tests__test_a=reads, tests__test_b=PASSES)
    two = changed(one, "src/small/part.py", "x = 2")
    bad = changed(one, "src/small/part.py", "x = 0")
    outcomes = runs(one, two, bad, bad, one)
    assert [(row.reused, row.failed) for row in outcomes if row.module == "tests/test_a.py"] == [
        (False, 0),
        (False, 0),
        (False, 1),
        (True, 1),
        (True, 0),
    ]
    assert [row.reused for row in outcomes if row.module == "tests/test_b.py"] == [False, True, True, True, True]
    assert outcomes[4].output
    assert [row.service for row in outcomes[:2]] == [one, one]


def test_training_is_shared_by_the_services_in_which_it_reads_the_same(runs: Runs, tmp_path: Path) -> None:
    trained = tmp_path / "trained"
    train = f"""
        from pathlib import Path
        from .domain import DATA
        def train(output, period, seed):
            if period == "bad":
                raise ValueError("a bad period")
            output.mkdir()
            (output / "model").write_text(DATA)
            with open({str(trained)!r}, "a") as log:
                log.write(f"{{DATA}} {{period}} {{seed}}\\n")
    """
    conftest = """
        import pytest
        from small.train import train
        PERIOD = "january"
        @pytest.fixture(scope="session")
        def model(tmp_path_factory):
            folder = tmp_path_factory.mktemp("trained") / "model"
            train(folder, PERIOD, seed=0)
            return folder
    """
    one = service(
        src__small__train=train,
        src__small__domain='DATA = "flights"',
        tests__conftest=conftest,
        tests__test_a="def test_it(model): assert (model / 'model').read_text() == 'flights'",
        tests__test_b="def test_it(model): assert [file.name for file in model.iterdir()] == ['model']",
    )
    two = changed(one, "tests/test_a.py", "def test_it(model): assert model.exists()")
    assert ran(runs(one, two)) == {"test_a", "test_b"}
    assert trained.read_text() == "flights january 0\n"

    other = changed(one, "src/small/domain.py", 'DATA = "trains"')
    a, b = runs(other)
    assert (a.failed, b.failed, b.reused) == (1, 0, False)
    assert trained.read_text() == "flights january 0\ntrains january 0\n"

    a, b = runs(changed(one, "tests/conftest.py", conftest.replace("january", "bad")))
    assert "ValueError: a bad period" in a.output
    assert "ValueError: a bad period" in b.output


@pytest.mark.parametrize(
    "change",
    [
        "Path('src/small/part.py').write_text('X = 2')",
        "Path('src/small/part.py').unlink()",
        "Path('src/small/part').mkdir(); Path('src/small/part/__init__.py').write_text('X = 2')",
        "os.replace('other.py', 'src/small/part.py'); os.utime('src/small/part.py', ns=(1, 1))",
    ],
)
def test_a_module_does_not_see_what_another_one_changed_in_the_service(runs: Runs, change: str) -> None:
    changes = f"import os\nfrom pathlib import Path\ndef test_it(): {change}"
    reads = "from small import part\ndef test_it(): assert part.X == 1"
    both = service(
        src__small__part="X = 1", other="X = 2", tests__test_a=changes, tests__test_b=reads, tests__test_c=reads
    )
    assert ran(runs(both)) == {"test_a", "test_b", "test_c"}


def test_what_a_module_adds_to_the_service_is_gone_in_the_next_one_and_compiled_files_stay(runs: Runs) -> None:
    writes = "from pathlib import Path\ndef test_it(): Path('src/new/deep').mkdir(parents=True)"
    lists = "from pathlib import Path\ndef test_it(): assert not Path('src/new').exists()\nimport small"
    kept = """
        from pathlib import Path
        def test_it(): assert list(Path("src/small").glob("__pycache__/*.pyc"))
    """
    three = service(tests__test_a=writes, tests__test_b=lists, tests__test_c=kept)
    assert ran(runs(three)) == {"test_a", "test_b", "test_c"}


def test_tests_see_no_variable_of_who_runs_them(runs: Runs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("SERVICE_LOG_LEVEL", "HTTPS_PROXY", "LC_ALL", "EDITOR"):
        monkeypatch.setenv(name, "mine")
    for name, value in {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "TZ": "Asia/Tokyo", "LANG": "C"}.items():
        monkeypatch.setenv(name, value)
    tests = f"""
        import os, tempfile, time
        from pathlib import Path
        def test_variables():
            assert "mine" not in os.environ.values()
            assert (os.environ["LANG"], time.strftime("%Z")) == ("C.UTF-8", "UTC")
        def test_folders():
            assert list(Path.home().iterdir()) == []
            assert tempfile.gettempdir() != {str(tmp_path)!r}
    """
    assert ran(runs(service(tests__test_a=tests))) == {"test_a"}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of processes that left their session")
def test_what_a_module_leaves_running_is_ended_with_it(runs: Runs, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    sleeper = f"import os, time; open({str(pids)!r}, 'a').write(f'{{os.getpid()}} '); time.sleep(600)"
    tests = f"""
        import subprocess, sys, time
        from pathlib import Path
        LEAVE = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', sys.argv[1]], start_new_session=True)"
        def test_it():
            sleeper = {sleeper!r}
            subprocess.Popen([sys.executable, "-c", sleeper], start_new_session=True)
            subprocess.run([sys.executable, "-c", LEAVE, sleeper], check=True)
            pids = Path({str(pids)!r})
            while not pids.exists() or len(pids.read_text().split()) < 2:
                time.sleep(0.01)
    """
    assert ran(runs(service(pyproject=PYPROJECT.replace('["error"]', "[]"), tests__test_a=tests))) == {"test_a"}
    assert [is_running(int(pid)) for pid in pids.read_text().split()] == [False, False]


def test_a_module_that_hangs_is_ended_at_the_limit_with_all_that_it_started(runs: Runs, tmp_path: Path) -> None:
    tests = f"""
        import subprocess, time
        def test_it():
            child = subprocess.Popen(["sleep", "600"])
            open({str(tmp_path / "pid")!r}, "w").write(str(child.pid))
            time.sleep(600)
    """
    hanging, passing = runs(service(tests__test_a=tests, tests__test_b=PASSES), limit_s=2)
    assert hanging.failed == 1
    assert "ran longer than 2 s" in hanging.output
    assert "in test_it" in hanging.output
    assert not is_running(int((tmp_path / "pid").read_text()))
    assert not passing.failed


def test_an_interrupted_run_ends_its_processes_and_goes_on_where_it_stopped(runs: Runs, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    waits = f"import os, time\ndef test_it():\n    open({str(pid)!r}, 'w').write(str(os.getpid()))\n    time.sleep(600)"
    both = service(tests__test_a=PASSES, tests__test_b=waits)
    script = f"""
from pathlib import Path
from proof.running import environment
from proof.running.runner import run_tests
from proof.services import Service
run_tests([Service({{}}, {dict(both.files)!r})], Path({str(tmp_path / "proof")!r}), workers=1, preload=[])
"""
    running = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    for _ in range(300):
        if pid.exists() and pid.read_text():
            break
        time.sleep(0.1)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=20)
    assert running.returncode
    assert "KeyboardInterrupt" in said
    assert not is_running(int(pid.read_text()))
    assert ran(runs(changed(both, "tests/test_b.py", PASSES))) == {"test_b"}


def is_running(pid: int) -> bool:
    """Whether the process is there; it may take a moment to go."""
    for _ in range(50):
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat")
            if state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z":
                return False
        except (ProcessLookupError, FileNotFoundError):
            return False
        time.sleep(0.1)
    return True
