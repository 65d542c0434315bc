"""The one environment that every generated service is tested in."""

import subprocess
from pathlib import Path

import pytest
from conftest import ROOT, add_pattern

from hooks.catalogue import read_catalogue
from proof.running import environment
from proof.running.environment import LOCK, EnvironmentLockError, check, python, requirements, unmet

PINS = """\
anyio==4.10.0
    # via httpx
httpx[http2]==0.28.1
numpy==2.4.6 ; python_full_version < '3.13'
pywin32==311 ; sys_platform == 'win32'
"""


def test_the_lock_holds_what_every_manifest_asks_for() -> None:
    wanted = requirements(manifest for _, manifest in read_catalogue(ROOT).patterns)
    assert len(wanted) > 10
    assert unmet(wanted, LOCK.read_text()) == []


def test_the_lock_names_no_host() -> None:
    assert "://" not in LOCK.read_text()


@pytest.mark.parametrize(
    ("wanted", "is_met"),
    [
        ("httpx>=0.28,<1", True),
        ("HTTPX[http2]>=0.28,<1", True),
        ("httpx>=0.29,<1", False),
        ("httpx[socks]>=0.28,<1", False),
        ("starlette>=0.49,<2", False),
        ("numpy>=2,<3", False),
        ("numpy>=2,<3; python_version < '3.13'", True),
        ("numpy>=3,<4; python_version < '3.11'", True),
        ("pywin32>=300,<400", False),
        ("pywin32>=300,<400; sys_platform == 'win32'", True),
    ],
)
def test_a_requirement_is_met_by_a_pin_in_its_range_with_its_extras_for_every_python(wanted: str, is_met: bool) -> None:
    assert unmet([wanted], PINS) == ([] if is_met else [wanted])


def test_a_lock_that_a_new_pattern_has_outgrown_is_refused_and_says_what_to_do(template: Path) -> None:
    check(template, LOCK)
    add_pattern(template, "monitoring", "invented", "ML-MON-900", dependencies={"runtime": ["scipy>=99,<100"]})
    with pytest.raises(EnvironmentLockError, match=r"environment\.lock .*scipy>=99,<100.* run `make lock`"):
        check(template, LOCK)


def test_a_missing_lock_is_refused_and_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentLockError, match=r"environment\.lock is missing: run `make lock`"):
        check(ROOT, tmp_path / "environment.lock")


def test_an_unknown_package_is_a_sentence_and_leaves_the_lock_as_it_was(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    add_pattern(template, "monitoring", "invented", "ML-MON-900", dependencies={"runtime": ["no-such-thing>=1,<2"]})
    lock = tmp_path / "environment.lock"
    lock.write_text(PINS)
    with pytest.raises(EnvironmentLockError, match=r"(?s)`uv pip compile .*` failed: .*unsatisfiable"):
        environment.resolve(template, lock)
    assert lock.read_text() == PINS


def test_the_environment_imports_what_was_locked_and_not_the_engine() -> None:
    code = "import importlib.util as u; print(*(bool(u.find_spec(name)) for name in ('skl2onnx', 'hooks', 'proof')))"
    ran = subprocess.run([python(), "-c", code], cwd="/", capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["True", "False", "False"]
