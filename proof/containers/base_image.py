"""A stand-in for `python:X.Y-slim` where no registry can be reached: `python -m proof.containers.base_image`.

It is made from the Python that runs this: the interpreter without its tests and extras, pip, a shell with coreutils,
the libraries that these and common wheels link to, and the machine's certificates. Generated Dockerfiles build on it
unchanged. It is no Debian: what is measured on it says what a service adds to its base, not how large the base is.
"""

import platform
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

from .engine import EngineError, docker

LEFT_OUT = {"test", "tests", "idlelib", "lib2to3", "tkinter", "turtledemo", "site-packages", "__pycache__"}
# Of the standard library: modules that need a screen.
LEFT_OUT_MODULES = {"_tkinter"}
COMMANDS = (
    *(
        "sh",
        "cat",
        "chmod",
        "chown",
        "cp",
        "cut",
        "date",
        "dirname",
        "basename",
        "echo",
        "env",
        "false",
        "head",
        "id",
        "install",
    ),
    *(
        "ln",
        "ls",
        "mkdir",
        "mktemp",
        "mv",
        "printf",
        "pwd",
        "readlink",
        "realpath",
        "rm",
        "rmdir",
        "sha256sum",
        "sleep",
        "sort",
    ),
    *("stat", "tail", "tee", "test", "touch", "tr", "true", "uname", "wc"),
)
# Debian's slim image has these whole; wheels link to them.
LIBRARIES = (
    "libc.so.6",
    "libm.so.6",
    "libpthread.so.0",
    "libdl.so.2",
    "librt.so.1",
    "libutil.so.1",
    "libresolv.so.2",
    "libgcc_s.so.1",
    "libstdc++.so.6",
    "libgomp.so.1",
)
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
USERS = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"
GROUP = "root:x:0:\nnogroup:x:65534:\n"


def tag() -> str:
    """What generated Dockerfiles ask for, for the Python that runs this."""
    return f"python:{sys.version_info.major}.{sys.version_info.minor}-slim"


def make(name: str) -> None:
    """Import the image under this name; raises EngineError where that is impossible."""
    with TemporaryDirectory(prefix="base-image-") as folder:
        root = Path(folder, "root")
        _python(root)
        _commands(root)
        _system(root)
        changes = [
            "ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
            "ENV LANG=C.UTF-8",
            'CMD ["python3"]',
        ]
        if CERTIFICATES.is_file():
            changes += [
                f"ENV {variable}={CERTIFICATES}" for variable in ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE")
            ]
        archive = Path(folder, "root.tar")
        pack(root, archive)
        docker("import", *(option for change in changes for option in ("--change", change)), archive, name)


def _python(root: Path) -> None:
    """The interpreter under /usr/local, as in the real image, and pip."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    prefix = Path(sys.base_prefix)
    library = root / "usr/local/lib" / version
    shutil.copytree(
        prefix / "lib" / version,
        library,
        symlinks=True,
        ignore=lambda _, names: {name for name in names if name in LEFT_OUT or name.split(".")[0] in LEFT_OUT_MODULES},
    )
    binary = root / "usr/local/bin" / version
    binary.parent.mkdir(parents=True)
    shutil.copy2(prefix / "bin" / version, binary)
    for link in ("python3", "python"):
        binary.with_name(link).symlink_to(version)
    libraries(root, [prefix / "bin" / version, *(prefix / "lib" / version / "lib-dynload").glob("*.so")])
    [wheel] = (library / "ensurepip" / "_bundled").glob("pip-*.whl")
    with ZipFile(wheel) as archive:
        archive.extractall(library / "site-packages")  # noqa: S202 - Python's own wheel
    pip = binary.with_name("pip")
    pip.write_text("#!/usr/local/bin/python3\nimport sys\nfrom pip._internal.cli.main import main\nsys.exit(main())\n")
    pip.chmod(0o755)


def _commands(root: Path) -> None:
    """A shell and the commands that a build uses."""
    found = [Path(path).resolve() for name in COMMANDS if (path := shutil.which(name, path="/usr/bin:/bin"))]
    for name in COMMANDS:
        path = shutil.which(name, path="/usr/bin:/bin")
        if path is None:
            raise EngineError(f"the stand-in for {tag()} needs the command {name}, which is not on this machine")
        target = root / "bin" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(Path(path).resolve(), target)
    (root / "usr/bin").mkdir(parents=True, exist_ok=True)
    (root / "usr/bin/env").symlink_to("/bin/env")
    libraries(root, found)


def _system(root: Path) -> None:
    """What every process expects to find, and libraries that wheels load."""
    for path, content in {"etc/passwd": USERS, "etc/group": GROUP, "etc/nsswitch.conf": "hosts: files dns\n"}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)
    if CERTIFICATES.is_file():
        target = root / CERTIFICATES.relative_to("/")
        target.parent.mkdir(parents=True)
        shutil.copy2(CERTIFICATES, target)
    (root / "tmp").mkdir()
    (root / "tmp").chmod(0o1777)
    (root / "root").mkdir(mode=0o700)
    folders = [Path("/lib") / f"{platform.machine()}-linux-gnu", Path("/usr/lib") / f"{platform.machine()}-linux-gnu"]
    for name in LIBRARIES:
        found = next((folder / name for folder in folders if (folder / name).exists()), None)
        if found is None:
            raise EngineError(f"the stand-in for {tag()} needs {name}, which is not on this machine")
        _copy_library(root, found)
        libraries(root, [found])


def libraries(root: Path, binaries: Iterable[Path]) -> None:
    """The shared libraries that binaries link to, in the folder that the loader looks into."""
    for path in {path for binary in binaries for path in _linked(binary)}:
        _copy_library(root, path)


def _linked(binary: Path) -> Iterator[Path]:
    said = subprocess.run(["ldd", binary], capture_output=True, text=True, check=False).stdout
    for line in said.splitlines():
        for word in line.split():
            if word.startswith("/") and ".so" in word:
                yield Path(word)


def _copy_library(root: Path, path: Path) -> None:
    # The loader stands where binaries name it; all else in the one folder that it searches without a cache.
    folder = Path("lib64") if path.name.startswith("ld-linux") else Path("lib", f"{platform.machine()}-linux-gnu")
    target = root / folder / path.name
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path.resolve(), target)


def pack(root: Path, archive: Path) -> None:
    """A tar whose bytes depend on the content alone: same inputs, same layer."""

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = "root"
        entry.mtime = 0
        return entry

    with tarfile.open(archive, "w") as tar:
        for path in sorted(root.rglob("*")):
            tar.add(path, path.relative_to(root), recursive=False, filter=plain)


def main() -> int:
    """Make the image."""
    try:
        make(tag())
    except EngineError as error:
        sys.exit(str(error))
    print(f"{tag()} is a stand-in, made from {sys.base_prefix}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
