"""Where the services lie: folders, a list of folders and git URLs, or the URLs themselves."""

import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ..findings import listed
from ..git import GitError, git, git_bytes
from ..patterns_lock import ANSWERS, LOCK
from ..yaml_source import MAX_BYTES
from .plain import plain, without_secret

LEVELS = 2
MAX_ENTRIES = 50_000
MAX_SERVICES = 2_000
MAX_LIST = 1_000_000
CLONES_AT_ONCE = 8
CLONE_SECONDS = 180
PROTOCOLS = ("https", "ssh", "file")
PASSED_OVER = frozenset({"node_modules", "__pycache__"})


class UsageError(Exception):
    """The command cannot begin; the message is a sentence."""


@dataclass(frozen=True)
class Place:
    """One service, or why there is none where somebody looked."""

    shown: str
    """The folder or the URL, as a report names it."""
    folder: Path = Path()
    top: Path = Path()
    """The folder that was searched: nothing above it belongs to the service."""
    problem: str = ""


def find_places(arguments: Sequence[str], scratch: Path) -> list[Place]:
    """Every service that the arguments name, each once, in their order; URLs are cloned below `scratch`.

    Raises UsageError where an argument is neither a folder, nor a list, nor a URL.
    """
    entries: list[tuple[str, Path]] = []
    for argument in arguments:
        path = _path(argument)
        if is_url(argument) or _is_folder(path):
            entries.append((argument, Path.cwd()))
        elif _is_file(path):
            entries += [(entry, path.absolute().parent) for entry in read_list(path)]
        else:
            raise UsageError(f"{plain(argument)} is no folder, no list and no git URL; give where the services are")
    urls = list(dict.fromkeys(entry for entry, _ in entries if is_url(entry)))
    clones = {url: scratch / str(number) for number, url in enumerate(urls)}
    with ThreadPoolExecutor(CLONES_AT_ONCE) as pool:
        refused = dict(zip(urls, pool.map(_fetch, urls, clones.values()), strict=True))
    places: list[Place] = []
    seen: set[Path] = set()
    for entry, base in dict.fromkeys(entries):
        shown = plain(without_secret(entry))
        if not is_url(entry):
            rows = _search(base / _path(entry))
        elif refused[entry]:
            rows = [Place(shown, problem=refused[entry])]
        else:
            rows = _search(clones[entry], shown)
        for place in rows:
            if place.problem or place.folder.resolve() not in seen:
                places.append(place)
                seen.add(place.folder.resolve())
        if len(places) > MAX_SERVICES:
            raise UsageError(f"There are more than {MAX_SERVICES} services; report on a part of them at a time")
    return places


def is_url(text: str) -> bool:
    """Whether git would take it for an address and not for a path."""
    return bool(re.match(r"[a-zA-Z][\w+.-]*://|[\w.-]+@[\w.-]+:", text))


def read_list(path: Path) -> list[str]:
    """The entries of a list: one path or URL a line; `#` begins a comment. Raises UsageError."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_LIST + 1).decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text; a list has one folder or git URL a line") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    if len(text) > MAX_LIST:
        raise UsageError(f"{path} is larger than {MAX_LIST} bytes; a list has one folder or git URL a line")
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in text.splitlines())
    entries = [line for line in lines if line]
    if not entries:
        raise UsageError(f"{path} lists nothing; write one folder or git URL a line")
    return entries


def _path(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:  # no such user
        return Path(text)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


# --- Folders ----------------------------------------------------------------------------------------------------------


def _search(folder: Path, shown: str = "") -> list[Place]:
    """The services at a folder, or one or two levels below it; links are not followed."""
    name = shown or plain(folder)
    if not _is_folder(folder):
        kind = "is a file" if _is_file(folder) else "cannot be found"
        return [Place(name, problem=f"{kind}; a list has one folder or git URL a line")]
    if _is_service(folder):
        return [Place(name, folder, folder)]
    try:
        found = sorted(_below(folder, LEVELS, [MAX_ENTRIES]))
    except UsageError as error:
        return [Place(name, problem=str(error))]
    except OSError as error:
        return [Place(name, problem=f"cannot be searched: {error.strerror}")]
    if not found:
        return [Place(name, problem=f"holds no {LOCK}, nor does a folder one or two levels below")]
    return [Place(plain(f"{shown} {path.relative_to(folder)}" if shown else path), path, folder) for path in found]


def _below(folder: Path, levels: int, left: list[int]) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        for entry in entries:
            left[0] -= 1
            if left[0] < 0:
                raise UsageError(f"holds more than {MAX_ENTRIES} entries; name the folders of the services")
            hidden = entry.name.startswith(".") or entry.name in PASSED_OVER
            if hidden or not entry.is_dir(follow_symlinks=False):
                continue
            path = Path(entry)
            if _is_service(path):
                yield path
            elif levels > 1 and os.access(path, os.R_OK | os.X_OK):
                yield from _below(path, levels - 1, left)


def _is_service(folder: Path) -> bool:
    return os.path.lexists(folder / LOCK)


# --- URLs -------------------------------------------------------------------------------------------------------------


def _fetch(url: str, target: Path) -> str:
    """Clone the newest commit without a working tree, then write the few files that are read; why not, if not."""
    protocol = url.partition("://")[0].lower() if "://" in url else "ssh"
    if protocol not in PROTOCOLS:
        return f"is not cloned: {protocol} is not possible; possible: {listed(PROTOCOLS)}"
    try:
        git(
            *("clone", "--quiet", "--depth=1", "--single-branch", "--no-tags", "--no-checkout", "--template="),
            *("--", url, str(target)),
            environment={"GIT_ALLOW_PROTOCOL": ":".join(PROTOCOLS)},
            seconds=CLONE_SECONDS,
        )
        for row in git("ls-tree", "-r", "-z", "--long", "HEAD", cwd=target).split("\0"):
            _write(row, target)
    except (GitError, OSError) as error:
        return f"is not cloned: {plain(without_secret(str(error)))}"
    return ""


def _write(row: str, target: Path) -> None:
    """Write one file of a clone if it is one that is read: regular, small, at most two levels down."""
    details, _, name = row.partition("\t")
    parts = name.split("/")
    if parts[-1] not in (LOCK, ANSWERS) or len(parts) > LEVELS + 1 or {"", "..", ".git"} & set(parts):
        return
    mode, _, identity, size = details.split()
    path = target.joinpath(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    if mode == "120000":
        path.symlink_to(os.devnull)  # reading refuses a link, wherever it leads
    elif int(size) > MAX_BYTES:
        path.write_bytes(b" " * (MAX_BYTES + 1))  # too large to be read, as the file itself is
    else:
        path.write_bytes(git_bytes("cat-file", "blob", identity, cwd=target))
