"""Stand-ins for what compose.yaml starts beside the service, where no registry can be reached.

Each is a program of this machine's distribution with the libraries it links to, at the path, under the user and with
the volume of the image whose name it takes; so compose.yaml is used as it is. The version is the distribution's: what
is shown is that the generated configuration is understood and that the parts find each other.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from .base_image import libraries, pack
from .engine import EngineError, docker


@dataclass(frozen=True)
class Part:
    """One kind of image."""

    programs: Mapping[str, str]
    """Paths in the image by the names of programs here."""

    volume: str
    """The folder that it writes to; empty for one that keeps nothing."""

    user: str
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    scripts: Mapping[str, str] = field(default_factory=dict)
    """What a shell runs, by its path in the image."""


PARTS: Mapping[str, Part] = {
    "redis": Part(
        {"redis-server": "/usr/local/lib/redis-server", "redis-cli": "/usr/local/bin/redis-cli", "sh": "/bin/sh"},
        volume="/data",
        user="redis",
        command=("redis-server",),
        # Redis's image is built without protected mode, or nobody beyond its container could reach it.
        scripts={
            "/usr/local/bin/redis-server": '#!/bin/sh\nexec /usr/local/lib/redis-server "$@" --protected-mode no\n'
        },
    ),
    "prom/prometheus": Part(
        {"prometheus": "/bin/prometheus", "promtool": "/bin/promtool"},
        volume="/prometheus",
        user="nobody",
        entrypoint=("/bin/prometheus",),
        command=("--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"),
    ),
    "prom/pushgateway": Part(
        {"prometheus-pushgateway": "/bin/pushgateway"},
        volume="",
        user="nobody",
        entrypoint=("/bin/pushgateway",),
    ),
}
"""By the name of the image, without its tag."""
USERS = "root:x:0:0::/root:/bin/false\nnobody:x:65534:65534::/:/bin/false\nredis:x:999:1000::/data:/bin/false\n"
GROUPS = "root:x:0:\nnobody:x:65534:\nredis:x:1000:\n"


def provide(image: str) -> bool:
    """See to it that there is an image of this name; whether it was brought here by this call.

    Raises EngineError, with what is missing, where it can neither be pulled nor made.
    """
    if docker("image", "ls", "--quiet", image).strip():
        return False
    try:
        docker("pull", "--quiet", image)
    except EngineError as error:
        part = PARTS.get(image.rpartition(":")[0])
        if part is None:
            raise EngineError(f"{image} cannot be pulled, and nothing here can stand in for it") from error
        make(image, part)
    return True


def make(image: str, part: Part) -> None:
    """Import the stand-in under this name; raises EngineError where its program is not installed."""
    with TemporaryDirectory(prefix="part-image-") as folder:
        root = Path(folder, "root")
        for name, target in part.programs.items():
            found = shutil.which(name)
            if found is None:
                raise EngineError(f"{image} cannot be pulled, and {name} is not installed")
            _copy(Path(found).resolve(), root / target.lstrip("/"))
        libraries(root, [root / target.lstrip("/") for target in part.programs.values()])
        for path, text in part.scripts.items():
            (root / path.lstrip("/")).write_text(text)
            (root / path.lstrip("/")).chmod(0o755)
        (root / "tmp").mkdir()
        (root / "tmp").chmod(0o1777)
        for path, text in {"passwd": USERS, "group": GROUPS, "nsswitch.conf": "hosts: files dns\n"}.items():
            (root / "etc").mkdir(exist_ok=True)
            (root / "etc" / path).write_text(text)
        changes = [
            "ENV PATH=/usr/local/bin:/bin",
            f"USER {part.user}",
            f"ENTRYPOINT {json.dumps(part.entrypoint)}",
            f"CMD {json.dumps(part.command)}",
        ]
        if part.volume:
            # A new volume takes the rights of the folder that it covers. An archive made here has no other owner.
            written = root / part.volume.lstrip("/")
            written.mkdir()
            written.chmod(0o777)
            changes += [f"VOLUME {part.volume}", f"WORKDIR {part.volume}"]
        archive = Path(folder, "root.tar")
        pack(root, archive)
        docker("import", *(option for change in changes for option in ("--change", change)), archive, image)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)
