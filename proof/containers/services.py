"""Services as images are built from: rendered, locked, and with a small model."""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from hooks.space import Combination

from ..everything import to_render
from ..rendering import Renderer
from ..running import environment
from ..services import Service
from ..stages import revision
from ..template import copy_template
from .engine import docker

FOLDER = environment.ROOT / "build" / "proof" / "containers"
PERIOD = ("--start", "2013-01-05", "--split", "2013-01-15", "--end", "2013-01-20")
"""Of the training: what is asked here is whether images work, not how good a model is."""
PACKAGE = "flight_delays"
NAME = "flight-delays"


@dataclass(frozen=True)
class Built:
    """A service that was built into an image."""

    service: Service
    folder: Path
    tag: str

    @property
    def title(self) -> str:
        """The choices that tell images apart."""
        return ", ".join(self.service.chosen[name][0] for name in ("serving", "deployment", "feature_store", "risk"))

    @property
    def style(self) -> str:
        """How it serves: online, batch or streaming."""
        return self.service.chosen["serving"][0]

    def has(self, decision: str, value: str) -> bool:
        """Whether a pattern was chosen."""
        return value in self.service.chosen[decision]

    def python(self, *arguments: str | Path, **settings: object) -> str:
        """Run the service's code on this machine, in the environment of the proof; what it prints."""
        more = {f"SERVICE_{name.upper()}": str(value) for name, value in settings.items()}
        return _run([environment.python(), *arguments], self.folder, {"PYTHONPATH": "src", **more})


@cache
def renderer() -> Renderer:
    """Of the template as it is now."""
    template = FOLDER / "template"
    copy_template(template)
    return Renderer(template)


def service(**answers: str | tuple[str, ...]) -> Service:
    """The first valid service with these choices, the simplest where several have them."""
    wanted = {name: {given} if isinstance(given, str) else set(given) for name, given in answers.items()}
    found = (one for one in to_render(renderer()) if all(values <= set(one[name]) for name, values in wanted.items()))
    return renderer().render(min(found, key=_size))


@cache
def images() -> dict[str, Service]:
    """For each version that the Dockerfile has one service, by a name that tells them apart."""
    # Looked for once for the same files: it takes a minute.
    known = FOLDER / "images" / f"{revision()}.json"
    if not known.exists():
        found = {}
        for number, one in enumerate(distinct(renderer(), "Dockerfile")):
            choices = (one.chosen[name][0] for name in ("serving", "deployment", "feature_store", "risk"))
            found["-".join((str(number), *choices))] = dict(one.chosen)
        known.parent.mkdir(parents=True, exist_ok=True)
        known.write_text(json.dumps(found))
    rows = json.loads(known.read_text()).items()
    return {
        name: renderer().render({decision: tuple(values) for decision, values in chosen.items()})
        for name, chosen in rows
    }


def distinct(renderer: Renderer, path: str) -> list[Service]:
    """For each version of a file one service that has it: the one with most patterns."""
    largest: dict[bytes, Combination] = {}
    for chosen in to_render(renderer):
        content = renderer.render(chosen).files[path]
        if content not in largest or _size(chosen) > _size(largest[content]):
            largest[content] = chosen
    return [renderer.render(chosen) for chosen in largest.values()]


def prepare(service: Service) -> Path:
    """Write, lock and train a service; done once for the same files."""
    content = repr(sorted((name, sha256(data).hexdigest()) for name, data in service.files.items()))
    folder = FOLDER / "services" / sha256(content.encode()).hexdigest()[:16] / NAME
    done = folder.parent / "prepared"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        service.write(folder)
        lock(service, folder)
        _run([environment.python(), "-m", f"{PACKAGE}.train", *PERIOD], folder, {"PYTHONPATH": "src"})
        done.touch()
    return folder


def lock(service: Service, folder: Path) -> None:
    """uv.lock, resolved once for the same dependencies."""
    kept = FOLDER / "locks" / f"{sha256(service.files['pyproject.toml']).hexdigest()[:16]}.lock"
    if not kept.exists():
        _run(["uv", "lock", "--quiet"], folder)
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / "uv.lock", kept)
    shutil.copyfile(kept, folder / "uv.lock")


def build(folder: Path, tag: str, base: str, *options: str) -> None:
    """Build the image as `make image` does, upon another base; raises EngineError."""
    docker("build", "--quiet", "--build-arg", f"PYTHON_IMAGE={base}", *options, "--tag", tag, ".", cwd=folder)


def _size(chosen: Combination) -> int:
    return sum(len(values) for values in chosen.values())


def _run(command: Sequence[str | Path], cwd: Path, more: dict[str, str] | None = None) -> str:
    ran = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, "OMP_NUM_THREADS": "1", **(more or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise RuntimeError(f"`{' '.join(map(str, command))}` ended with {ran.returncode}: {ran.stderr[-2000:]}")
    return ran.stdout
