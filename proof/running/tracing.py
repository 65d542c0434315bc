"""Records what a Python process reads below one folder, while it reads it.

Needs nothing but Python, and is installed into the environment of the proof with a `.pth` file that imports it: every
Python process that a test starts records as well, as long as the environment variables below reach it. One line a read:

    file PATH         opened for reading
    stat PATH         asked whether it is there
    list PATH         a folder whose entries were listed
    find FOLDER NAME  an import that looked for NAME in FOLDER, found or not
    tree PATH         given to a program that is no Python: all of it counts
    which NAME        a program that was looked for on the PATH
    all               everything: a process that is not watched was started

What native code opens by itself is not seen here, see watching.py.
"""
# pathlib ends in the functions that are wrapped here.
# ruff: noqa: PTH109, PTH115, PTH118, PTH119

from __future__ import annotations

import os
import shutil
import sys

# The import system as it is frozen into Python: this module is imported at the start of every process, and
# importlib.machinery, typing or shlex would take longer than all that it does.
from _frozen_importlib_external import (  # type: ignore[attr-defined]
    FileFinder,
    _get_supported_file_loaders,
    _path_isdir,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

FOLDER, LOG, SOURCE = "PROOF_FOLDER", "PROOF_READS", "PROOF_SOURCE"
# Git reads its repository. A service under test is none, and GIT_CEILING_DIRECTORIES keeps git from looking above it.
READS_NOTHING = frozenset({"git"})
# Who lists a folder for one name in it: an import (the finder below notes the name), pytest on its way to one module,
# and the search for an installed distribution, of which a service holds none.
QUIET_LISTERS = (
    ("_fill_cache", "<frozen importlib._bootstrap_external>"),
    ("scandir", "/_pytest/pathlib.py"),
    ("children", "/importlib/metadata/__init__.py"),
)


def environment(folder: os.PathLike[str], log: os.PathLike[str], source: os.PathLike[str]) -> dict[str, str]:
    """The variables that make every Python process record into `log`, with `source` at the end of its sys.path."""
    return {FOLDER: os.fspath(folder), LOG: os.fspath(log), SOURCE: os.fspath(source)}


def start_if_asked() -> None:
    """Record when the environment says so: what the `.pth` file calls."""
    if LOG in os.environ:
        # At the end, as an editable install does it: the package can shadow nothing.
        sys.path.append(os.environ[SOURCE])
        start(os.environ[FOLDER], os.environ[LOG])


def start(folder: str | os.PathLike[str], log: str | os.PathLike[str]) -> Recorder:
    """Record from now on; there is no way to stop, as there is none for an audit hook."""
    recorder = Recorder(os.path.realpath(folder), log)
    sys.path_hooks.insert(0, recorder.path_hook)
    for path in [path for path in sys.path_importer_cache if recorder.below(path) is not None]:
        del sys.path_importer_cache[path]
    _wrap_stat(recorder)
    which = shutil.which

    def recorded_which(cmd: str, *args: Any, **kwargs: Any) -> Any:
        recorder.program(cmd)
        return which(cmd, *args, **kwargs)

    shutil.which = recorded_which  # type: ignore[assignment]
    sys.addaudithook(recorder.hear)
    return recorder


class Recorder:
    """Notes each read once."""

    def __init__(self, folder: str, log: str | os.PathLike[str]) -> None:
        self._folder = folder
        self._prefix = folder + os.sep
        self._log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._seen: set[str] = set()
        self._loaders = _get_supported_file_loaders()

    def note(self, kind: str, *words: str) -> None:
        """Write at once: a server that a test kills has no later."""
        line = " ".join((kind, *words))
        if line not in self._seen:
            self._seen.add(line)
            os.write(self._log, os.fsencode(line) + b"\n")

    def below(self, path: Any, start: Any = None) -> str | None:
        """The path relative to the folder; None when it lies elsewhere."""
        if isinstance(path, int):
            try:
                path = os.readlink(f"/proc/self/fd/{path}")
            except OSError:
                return None
        try:
            path = os.path.normpath(os.path.join(start or os.getcwd(), os.fsdecode(path)))
        except (OSError, TypeError, ValueError):
            return None
        if path == self._folder:
            return "."
        return path[len(self._prefix) :] if path.startswith(self._prefix) else None

    def read(self, kind: str, path: Any) -> None:
        name = self.below(path)
        if name is not None:
            self.note(kind, name)

    def program(self, name: Any) -> None:
        name = os.fsdecode(name)
        if os.sep not in name:
            self.note("which", name)

    def path_hook(self, path: str) -> FileFinder:
        """Finders for the folders below ours, which note what was looked for."""
        folder = self.below(path or ".")
        if folder is None or not _path_isdir(path):
            raise ImportError(path)
        return _Finder(path, self._loaders, lambda name: self.note("find", folder, name))

    def hear(self, event: str, args: tuple[Any, ...]) -> None:
        """What sys.addaudithook calls; it is called for everything, so the common case comes first."""
        if event == "open":
            path, _, flags = args
            if not isinstance(path, int) and flags & os.O_ACCMODE != os.O_WRONLY:
                self.read("file", path)
        elif event in ("os.listdir", "os.scandir"):
            code = sys._getframe(1).f_code
            if not any(code.co_name == name and code.co_filename.endswith(file) for name, file in QUIET_LISTERS):
                self.read("list", args[0] if args[0] is not None else ".")
        elif event == "subprocess.Popen":
            program, arguments, cwd, env = args
            words = [arguments] if isinstance(arguments, (str, bytes, os.PathLike)) else list(arguments)
            self._started(program, words, cwd, env)
        elif event in ("os.exec", "os.posix_spawn"):
            program, arguments, env = args
            self._started(program, list(arguments), None, env)
        elif event == "os.system":
            self._started("sh", ["sh", "-c", args[0]], None, None)

    def _started(self, program: Any, words: list[Any], cwd: Any, env: Any) -> None:
        """A process was started: a Python records for itself, of another what its arguments name counts as read."""
        program = os.fsdecode(program)
        self.program(program)
        if env is not None and LOG not in env and os.fsencode(LOG) not in env:
            self.note("all")
        elif program != sys.executable and os.path.basename(program) not in READS_NOTHING:
            named = [name for word in words for name in self._named(os.fsdecode(word), cwd)]
            for name in named:
                self.note("tree", name)
            here = self.below(cwd or ".")
            if here is not None and not named:
                self.note("list" if cwd is None else "tree", here)

    def _named(self, word: str, cwd: Any) -> Iterator[str]:
        """Paths below the folder that an argument names: alone, after an equals sign or within a shell's command."""
        for part in (word, *word.replace("'", " ").replace('"', " ").split()):
            for path in (part, part.partition("=")[2]):
                name = self.below(path, cwd) if path else None
                if name is not None and os.path.lexists(os.path.join(self._folder, name)):
                    yield name


class _Finder(FileFinder):
    """Notes each name that an import looks for."""

    def __init__(self, path: str, loaders: Any, noted: Callable[[str], None]) -> None:
        super().__init__(path, *loaders)
        self._noted = noted

    def find_spec(self, fullname: str, target: ModuleType | None = None) -> ModuleSpec | None:
        self._noted(fullname.rpartition(".")[2])
        return super().find_spec(fullname, target)


def _wrap_stat(recorder: Recorder) -> None:
    """Python has no audit event for these: os.path.exists, Path.is_dir and the like end here."""
    for name in ("stat", "lstat", "access", "readlink"):
        original = getattr(os, name)

        def wrapped(path: Any, *args: Any, _original: Any = original, **kwargs: Any) -> Any:
            recorder.read("stat", path)
            return _original(path, *args, **kwargs)

        setattr(os, name, wrapped)
        for capability in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks, os.supports_effective_ids):
            if original in capability:
                capability.add(wrapped)


start_if_asked()
