"""The one environment in which every generated service is tested: `python -m proof.running.environment` installs it.

environment.lock holds what the manifests of all patterns ask for, resolved together; `--lock` writes it anew.
"""

import argparse
import fcntl
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from hooks.catalogue import NoCatalogueError, read_catalogue
from hooks.manifest import Manifest

ROOT = Path(__file__).parents[2]
LOCK = Path(__file__).with_name("environment.lock")
ENVIRONMENT = ROOT / "build" / "proof" / ".venv"
PYTHONS = ">=3.11,<3.14"
STARTER = "proof_tracing"
"""The module that every process of the environment imports first: a copy of tracing.py."""


class EnvironmentLockError(Exception):
    """The lock and the manifests do not go together, or cannot be resolved or installed; the message is a sentence."""


def requirements(manifests: Iterable[Manifest]) -> list[str]:
    """What the patterns ask for, in whatever group, each once, in order."""
    return sorted({requirement for manifest in manifests for requirement in manifest.dependencies.every})


def pins(lock: str) -> dict[str, list[tuple[Version, frozenset[str], Marker | None]]]:
    """Versions by canonical name, with the extras that were resolved, and where they apply."""
    rows: dict[str, list[tuple[Version, frozenset[str], Marker | None]]] = {}
    for line in lock.splitlines():
        if line and not line.startswith((" ", "#")):
            pin = Requirement(line)
            version = next(iter(pin.specifier)).version
            rows.setdefault(canonicalize_name(pin.name), []).append(
                (Version(version), frozenset(pin.extras), pin.marker)
            )
    return rows


def unmet(wanted: Iterable[str], lock: str) -> list[str]:
    """The requirements that the lock does not hold, on this system, for one of PYTHONS that they are meant for."""
    locked = pins(lock)
    versions = SpecifierSet(PYTHONS).filter(f"3.{minor}" for minor in range(100))
    pythons = [{"python_version": version, "python_full_version": f"{version}.0"} for version in versions]
    return [text for text in wanted if not all(_is_met(Requirement(text), locked, one) for one in pythons)]


def _is_met(
    requirement: Requirement,
    locked: dict[str, list[tuple[Version, frozenset[str], Marker | None]]],
    python: dict[str, str],
) -> bool:
    if requirement.marker and not requirement.marker.evaluate(python):
        return True
    rows = [
        (version, extras)
        for version, extras, marker in locked.get(canonicalize_name(requirement.name), [])
        if marker is None or marker.evaluate(python)
    ]
    return any(version in requirement.specifier and requirement.extras <= extras for version, extras in rows)


def check(root: Path = ROOT, lock: Path = LOCK) -> None:
    """Raise EnvironmentLockError when the lock does not hold what the manifests under `root` ask for."""
    if not lock.is_file():
        raise EnvironmentLockError(f"{lock.name} is missing: run `make lock`")
    missing = unmet(requirements(_manifests(root)), lock.read_text(encoding="utf-8"))
    if missing:
        raise EnvironmentLockError(
            f"{lock.name} does not hold what the manifests of patterns ask for ({', '.join(missing)}): run `make lock`"
        )


def resolve(root: Path = ROOT, lock: Path = LOCK) -> None:
    """Write the lock anew; versions that still fit stay."""
    with tempfile.TemporaryDirectory() as folder:
        rows = "".join(f"    {_quoted(text)},\n" for text in requirements(_manifests(root)))
        Path(folder, "pyproject.toml").write_text(
            f'[project]\nname = "patterns"\nversion = "0"\nrequires-python = "{PYTHONS}"\ndependencies = [\n{rows}]\n'
        )
        if lock.is_file():
            shutil.copyfile(lock, Path(folder, lock.name))
        options = ("--universal", "--no-header", "--no-emit-index-url", "--no-strip-extras")
        _uv("pip", "compile", "--quiet", *options, "--output-file", lock.name, "pyproject.toml", cwd=Path(folder))
        shutil.copyfile(Path(folder, lock.name), lock)


def python(folder: Path = ENVIRONMENT, lock: Path = LOCK, root: Path = ROOT) -> Path:
    """The interpreter of the environment, which is made or brought up to date first.

    Raises EnvironmentLockError when that is not possible.
    """
    check(root, lock)
    interpreter = folder / "bin" / "python"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "environment-lock").open("w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        stamp = folder / "installed"
        wanted = f"{sys.version}\n{sha256(lock.read_bytes()).hexdigest()}\n"
        if not stamp.is_file() or stamp.read_text() != wanted:
            stamp.unlink(missing_ok=True)
            _uv("venv", "--quiet", "--clear", "--python", sys.executable, folder)
            _uv("pip", "sync", "--quiet", "--python", interpreter, lock)
            stamp.write_text(wanted)
        _install_starter(folder)
    return interpreter


def _install_starter(folder: Path) -> None:
    """Let every Python of the environment import tracing.py first, from a copy: services must not find the engine."""
    packages = next((folder / "lib").glob("python*/site-packages"))
    for name, content in {
        f"{STARTER}.py": Path(__file__).with_name("tracing.py").read_bytes(),
        f"{STARTER}.pth": f"import {STARTER}\n".encode(),
    }.items():
        path = packages / name
        if not path.is_file() or path.read_bytes() != content:
            path.write_bytes(content)


def _manifests(root: Path) -> list[Manifest]:
    try:
        return [manifest for _, manifest in read_catalogue(root).patterns]
    except NoCatalogueError as error:
        raise EnvironmentLockError(str(error)) from error


def _quoted(text: str) -> str:
    """A TOML literal: requirements with markers hold double quotes."""
    return f"'{text}'" if "'" not in text else f'"{text}"'


def _uv(*arguments: str | Path, cwd: Path | None = None) -> None:
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.is_file() else shutil.which("uv")
    if uv is None:
        raise EnvironmentLockError("uv is not installed: run `make setup`")
    ran = subprocess.run([uv, *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    if ran.returncode:
        command = " ".join(["uv", *map(str, arguments)])
        raise EnvironmentLockError(f"`{command}` failed: {ran.stderr.strip()}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Install the environment of the proof, or resolve its lock anew."""
    parser = argparse.ArgumentParser(prog="python -m proof.running.environment", description=main.__doc__)
    parser.add_argument("--lock", action="store_true", help="resolve proof/running/environment.lock from the manifests")
    options = parser.parse_args(arguments)
    try:
        if options.lock:
            resolve()
        else:
            print(python())
    except EnvironmentLockError as error:
        sys.exit(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
