"""The files of a service as its tests can read them: what each read that tracing.py records would find."""

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from importlib.machinery import all_suffixes
from pathlib import Path, PurePosixPath

MISSING = ""


@dataclass(frozen=True)
class Seen:
    """Reads by what they found, and the names that imports did not find, which are too many to list one by one."""

    found: Mapping[str, str]
    absent: Mapping[str, frozenset[str]]
    """Names by folder."""


def digest(content: bytes) -> str:
    """Enough of a hash to tell contents apart."""
    return sha256(content).hexdigest()[:20]


class Tree:
    """Digests by path. What a test itself writes is not among them: it is no reason to run again."""

    def __init__(self, files: Mapping[str, tuple[str, int]], path: str | None = None) -> None:
        self._files = files
        self._path = path
        self._known: dict[str, str] = {}

    @classmethod
    def of(cls, files: Mapping[str, bytes], path: str | None = None) -> "Tree":
        """The tree of files in memory; `path` is the PATH that programs are looked for on."""
        return cls({name: (digest(content), len(content)) for name, content in files.items()}, path)

    @cached_property
    def name(self) -> str:
        """Stands for all the files."""
        return self.find("all")[:12]

    @property
    def files(self) -> Mapping[str, tuple[str, int]]:
        return self._files

    def seen(self, lines: Iterable[str]) -> Seen:
        """What the recorded lines found here."""
        found: dict[str, str] = {}
        absent: dict[str, set[str]] = {}
        for line in map(_source_of_cache, lines):
            value = self.find(line)
            if line.startswith("find ") and value == MISSING:
                folder, _, name = line.removeprefix("find ").rpartition(" ")
                absent.setdefault(folder, set()).add(name)
            else:
                found[line] = value
        return Seen(dict(sorted(found.items())), {folder: frozenset(names) for folder, names in absent.items()})

    def lacks(self, absent: Mapping[str, frozenset[str]]) -> bool:
        """Whether no import would find any of these names."""
        return all(names.isdisjoint(self._importable.get(folder, ())) for folder, names in absent.items())

    def find(self, line: str) -> str:
        """What one read finds; MISSING for what is not there."""
        if line not in self._known:
            kind, _, words = line.partition(" ")
            self._known[line] = self._find(kind, words)
        return self._known[line]

    def _find(self, kind: str, words: str) -> str:
        match kind:
            case "file" if words in self._files:
                return self._files[words][0]
            case "file" | "list":
                return digest(repr(sorted(self.folders[words])).encode()) if words in self.folders else MISSING
            case "stat" if words in self._files:
                return f"{self._files[words][1]} bytes"
            case "stat":
                return "folder" if words in self.folders else MISSING
            case "find":
                folder, _, name = words.rpartition(" ")
                return " ".join(sorted(self._importable.get(folder, {}).get(name, ())))
            case "tree" | "all":
                below = "" if kind == "all" or words == "." else f"{words}/"
                rows = sorted(row for row in self._files.items() if row[0] == words or row[0].startswith(below))
                return digest(repr(rows).encode()) if rows else MISSING
            case "which":
                return _program(words, self._path)
            case _:
                raise ValueError(f"{kind!r} is no kind of read; tracing.py lists them")

    @cached_property
    def folders(self) -> Mapping[str, set[str]]:
        """The entries of each folder; those that are folders end in a slash."""
        folders: dict[str, set[str]] = {".": set()}
        for name in self._files:
            mark, path = "", PurePosixPath(name)
            while path.name:
                folders.setdefault(path.parent.as_posix(), set()).add(path.name + mark)
                mark, path = "/", path.parent
        return folders

    @cached_property
    def _importable(self) -> Mapping[str, Mapping[str, set[str]]]:
        """By folder and name, the entries that an import of the name could mean."""
        suffixes = ("/", *all_suffixes())
        names: dict[str, dict[str, set[str]]] = {}
        for folder, entries in self.folders.items():
            for entry in entries:
                for suffix in suffixes:
                    if entry.endswith(suffix):
                        names.setdefault(folder, {}).setdefault(entry.removesuffix(suffix), set()).add(entry)
        return names


def _source_of_cache(line: str) -> str:
    """A compiled file stands for its source, which Python then does not open."""
    folder, cache, name = line.rpartition("__pycache__/")
    return f"{folder}{name.partition('.')[0]}.py" if cache and line.startswith("file ") else line


def _program(name: str, path: str | None) -> str:
    """Where a program is, and which build of it."""
    found = shutil.which(name, path=path)
    if found is None:
        return MISSING
    state = Path(found).stat()
    return f"{found} {state.st_size} {state.st_mtime_ns}"
