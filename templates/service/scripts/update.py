# /// script
# requires-python = ">=3.11"
# dependencies = ["copier>=9.15,<10", "pyyaml>=6,<7"]
# ///
"""Brings this repository to the newest revision of its patterns, and tells what changed.

    make update
    make update ARGS="--data 'monitoring=[]'"

Copier merges, in a copy of the last commit: what fails or is interrupted leaves nothing behind,
and no file that git ignores is overwritten unseen. What was edited here and has no place in the
result is kept in kept-by-update/. Exits with 0 when updated, 1 when conflicts are left to decide,
2 when not updated.
"""

import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

import yaml

ROOT = Path(__file__).resolve().parents[1]
ANSWERS = ".copier-answers.yml"
LOCK = "patterns.lock"
CHANGES = Path("docs/decisions/changes.md")
CHANGES_TITLE = b"# How the choices changed\n\n"
TOLD_ELSEWHERE = {"project_name", "description", "owner", "stated_earlier"}
WITHOUT_UPDATE = {"-h", "--help", "--help-all", "-v", "--version", "-n", "--pretend"}


def main() -> int:
    """Update, report, and give the exit status."""
    if idle := WITHOUT_UPDATE.intersection(sys.argv[1:]):
        refuse(f"With {min(idle)} Copier updates nothing; leave it out. Nothing here has changed.")
    head = git("rev-parse", "--short", "HEAD", check=False).strip()
    if not head:
        refuse("This is no git repository with a commit; an update merges with what git knows.")
    if git("status", "--porcelain", "--untracked-files=all", "--", "."):
        refuse("There are changes that are not committed; commit or stash them first.")
    check_source()
    kept = Path("kept-by-update", f"{time.strftime('%Y-%m-%d')}-{head}")
    with TemporaryDirectory() as scratch:
        made, top = Path(scratch, "made", ROOT.name), Path(scratch, "after", ROOT.name)
        try:
            git("worktree", "add", "--detach", "--quiet", str(top), "HEAD")
            after = top / git("rev-parse", "--show-prefix").strip()
            unasked = "--skip-answered" if sys.stdin.isatty() else "--defaults"
            # With the folder named, Copier refuses that of another repository.
            copier(after, "update", ".", unasked, *sys.argv[1:])
            copy(ANSWERS, ROOT, made)
            copier(made, "recopy", "--vcs-ref=:current:", "--defaults", "--overwrite", "--quiet")
            write_down_choices(after)
            update = compare(made, after, Path(scratch, "index"))
            lines = list(report(update, kept))
            bring_home(update, kept)
        finally:
            if top.exists():
                git("worktree", "remove", "--force", str(top), check=False)
    sys.stdout.write("\n".join(["", *lines, ""]))
    return 1 if update.conflicts else 0


def check_source() -> None:
    """Refuse a template that cannot be found from the copy."""
    answers = content(ROOT / ANSWERS) or b""
    for source in re.findall(r"^_src_path: *['\"]?(.*?)['\"]?$", answers.decode(), re.MULTILINE):
        path = Path(source).expanduser()
        # What has a colon is a URL, or a path with a drive.
        if ":" not in source and not (path.is_absolute() and path.exists()):
            refuse(
                f"The template is not at '{source}': set _src_path in {ANSWERS} to its URL or to "
                "the absolute path of a clone, and commit that."
            )


@dataclass
class Update:
    """What Copier made of the copy; every path is relative to the repository."""

    after: Path
    changed: dict[str, str]
    """git's letter by path: A added, M modified, D deleted."""
    moved: dict[str, str]
    conflicts: set[str]
    unmerged: str
    """The conflicts as git's index records them."""
    lost: list[str]
    """Files with lines that were written here and are not in the result."""


def write_down_choices(after: Path) -> None:
    """Put on top of the record of changes what was decided otherwise than before."""
    old, new = stated(ROOT), stated(after)
    told = {name for name in old.keys() | new.keys() if not name.startswith("_")} - TOLD_ELSEWHERE
    rows = [
        f"- {name}: {shown(old.get(name))} → {shown(new.get(name))}"
        for name in sorted(told)
        if said(old.get(name)) != said(new.get(name))
    ]
    rows += [
        f"- {name}: stays {shown(kept)}, although {shown(advised)} is advised now"
        for name, kept, advised in turned(after)
    ]
    rows += [
        f"- {name}: {shown(taken)}, although {shown(advised)} is advised"
        for name, taken, advised in overruled(after)
    ]
    if rows:
        title = f"## {time.strftime('%Y-%m-%d')}, template {new.get('_commit', 'unknown')}"
        path = after / CHANGES
        before = (content(path) or CHANGES_TITLE).decode()
        entries = before.removeprefix(CHANGES_TITLE.decode())
        text = "\n".join([CHANGES_TITLE.decode() + title, "", *rows, ""])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + ("\n" + entries if entries else ""), encoding="utf-8")


def answers(folder: Path) -> dict[str, Any]:
    """What a repository remembers; nothing where that cannot be read."""
    try:
        loaded = yaml.safe_load(content(folder / ANSWERS) or b"")
    except (yaml.YAMLError, UnicodeDecodeError):
        return {}
    return loaded if isinstance(loaded, dict) else {}


def stated(folder: Path) -> dict[str, Any]:
    """What a repository remembers, and what was stated before and is not asked any more."""
    known = answers(folder)
    earlier = known.get("stated_earlier")
    return {**(earlier if isinstance(earlier, dict) else {}), **known}


def turned(after: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """The decisions that stay as they were while the advice has turned: name, choice, advice."""
    before = {row["decision"]: row for row in toml(ROOT / LOCK).get("overruled", [])}
    was, now = chosen(ROOT), chosen(after)
    for row in toml(after / LOCK).get("overruled", []):
        name, advised = row["decision"], row["recommended"]
        known = before.get(name, {}).get("recommended")
        if advised != known and now.get(name) == was.get(name):
            yield name, row["chosen"], advised


def overruled(after: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """The decisions that are taken anew, against the advice: name, choice, advice."""
    was, now = chosen(ROOT), chosen(after)
    for row in toml(after / LOCK).get("overruled", []):
        if now.get(row["decision"]) != was.get(row["decision"]):
            yield row["decision"], row["chosen"], row["recommended"]


def chosen(folder: Path) -> dict[str, set[str]]:
    """The patterns of a repository by decision, each by its id: a new name is no new choice."""
    found: dict[str, set[str]] = {}
    for row in toml(folder / LOCK).get("pattern", []):
        found.setdefault(row["decision"], set()).add(row["id"])
    return found


def said(answer: object) -> object:
    """An answer, None where it says nothing."""
    return None if answer == "unknown" else answer


def shown(answer: object) -> str:
    """An answer as a reader sees it."""
    if isinstance(answer, list):
        return ", ".join(map(str, answer)) or "none"
    return "not asked" if answer is None else str(said(answer) or "not known yet")


def compare(made: Path, after: Path, index: Path) -> Update:
    """Compare the result with the repository, and both with what the old revision had `made`."""
    unmerged = git("ls-files", "--unmerged", "--full-name", "-z", folder=after)
    conflicts = {row.partition("\t")[2] for row in unmerged.split("\0") if row}
    # An index of its own: git compares all files, and the conflicts stay on record.
    git("add", "--all", "--force", ".", folder=after, index=index)
    diff = ("diff", "--cached", "--name-status", "-z", "--relative", "HEAD")
    rows = git(*diff, "--no-renames", folder=after, index=index).split("\0")
    moves = git(*diff, "--find-renames", "--diff-filter=R", folder=after, index=index).split("\0")
    changed, lost = dict(zip(rows[1::2], rows[::2], strict=False)), []
    for path in list(changed):
        here, base, result = (content(folder / path) for folder in (ROOT, made, after))
        written = set((here or b"").splitlines()) - set((base or b"").splitlines())
        if here is None and base is not None:
            del changed[path]  # deleted here: Copier gives the examples of the domain again
        elif here is None or here == base or path == ANSWERS:
            continue
        elif result is None or not written <= set(result.splitlines()):
            lost.append(path)
    conflicts |= {path for path in changed if path.endswith(".rej")}
    moved = {old: new for old, new in zip(moves[1::3], moves[2::3], strict=False) if new in changed}
    return Update(after, changed, moved, conflicts, unmerged, lost)


def bring_home(update: Update, kept: Path) -> None:
    """Keep what would be lost, then make the repository what the copy is."""
    if obstacle := in_the_way(update, kept):
        refuse(f"{obstacle.relative_to(ROOT)} is in the way; move it. Nothing here has changed.")
    resolved = "".join(f"0 {'0' * 40}\t{path}\0" for path in update.conflicts)
    git("update-index", "-z", "--index-info", text=resolved + update.unmerged)
    for path in update.lost:
        copy(path, ROOT, ROOT / kept)
    for path in update.changed:
        (ROOT / path).unlink(missing_ok=True)
        if update.changed[path] != "D":
            copy(path, update.after, ROOT)
        with suppress(OSError):
            os.removedirs((ROOT / path).parent)


def in_the_way(update: Update, kept: Path) -> Path | None:
    """A folder where a file is to be written, or a file or a link where a folder is."""
    written = [ROOT / path for path in update.changed]
    for path in (*written, *(ROOT / kept / path for path in update.lost)):
        if path.is_dir() and not path.is_symlink():
            return path
        for folder in path.parents:
            if ROOT in folder.parents and (folder.is_symlink() or folder.is_file()):
                return folder
    return None


def report(update: Update, kept: Path) -> Iterator[str]:
    """What changed, and what is to be done, line by line."""
    if not update.changed:
        yield "Nothing changed."
        return
    old, new = (
        {row["id"]: row for row in toml(folder / LOCK).get("pattern", [])}
        for folder in (ROOT, update.after)
    )
    for identity, row in sorted((old | new).items()):
        name, version, was = f"{row['decision']}/{row['value']}", row["version"], old.get(identity)
        if was is None:
            yield f"Pattern added: {name} {version}"
        elif identity not in new:
            yield f"Pattern removed: {name} {version}"
        elif was != row:
            renamed = f" (was {was['value']})" if was["value"] != row["value"] else ""
            versions = " → ".join(dict.fromkeys((was["version"], version)))
            yield f"Pattern changed: {name}{renamed} {versions}"
    advice = list(turned(update.after))
    for name, stays, advised in advice:
        yield f"Advice turned: {name} stays {shown(stays)}; {shown(advised)} is advised now."
    against = list(overruled(update.after))
    for name, taken, advised in against:
        yield f"Against the advice: {name} is {shown(taken)} now; {shown(advised)} is advised."
    letters = list(update.changed.values())
    added, changed, removed = (letters.count(letter) for letter in "AMD")
    yield f"Files: {added} added, {changed} changed, {removed} removed."
    if update.lost:
        yield f"Edited here, with no place in the result; your version is in {kept.as_posix()}/:"
        for path in update.lost:
            yield f"  {path}" + (
                f" (moved to {update.moved[path]})" if path in update.moved else ""
            )
        yield "Carry over what is still needed, then delete that folder."
    if update.conflicts:
        yield "In conflict; decide between the marks (or apply the .rej file), then `git add`:"
        yield from (f"  {path}" for path in sorted(update.conflicts))
    yield "Next:"
    if advice:
        yield "  docs/decisions/    the advice turned: follow it by --data, or write why not"
    if against:
        yield "  docs/decisions/    the advice is overruled: write down why"
    if requirements(ROOT) != requirements(update.after):
        yield "  make lock          the dependencies changed"
    yield "  make check test    then read `git diff`, and commit"


def requirements(folder: Path) -> list[object]:
    """What uv.lock follows from."""
    project = toml(folder / "pyproject.toml")
    table = project.get("project", {})
    return [
        table.get("dependencies"),
        table.get("requires-python"),
        project.get("dependency-groups"),
    ]


def toml(path: Path) -> dict[str, Any]:
    """A TOML file; empty where it is absent or in conflict."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def content(path: Path) -> bytes | None:
    """The bytes of a file, the target of a link, None where there is neither."""
    if path.is_symlink():
        return os.fsencode(path.readlink())
    return path.read_bytes() if path.is_file() else None


def copy(path: str, source: Path, target: Path) -> None:
    """Copy a file or a link to the same path below another folder."""
    (target / path).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source / path, target / path, follow_symlinks=False)


def git(
    *arguments: str,
    folder: Path = ROOT,
    text: str = "",
    check: bool = True,
    index: Path | None = None,
) -> str:
    """What git prints; the end when it refuses, unless that is an answer, too."""
    done = subprocess.run(  # noqa: S603 - no shell
        ["git", *arguments],  # noqa: S607 - whichever is on the PATH
        cwd=folder,
        env=os.environ | ({"GIT_INDEX_FILE": str(index)} if index else {}),
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if check else None,
        encoding="utf-8",
        errors="surrogateescape",
        check=False,
    )
    if check and done.returncode:
        reason = done.stderr.strip().rpartition("\n")[2]
        refuse(f"Not updated: `git {arguments[0]}` says '{reason}'. Nothing here has changed.")
    return done.stdout


def copier(folder: Path, *arguments: str) -> None:
    """Run Copier in a folder; what it asks and says is for the user, its tracebacks are not."""
    command = [sys.executable, "-m", "copier", *arguments]
    shown = None if sys.stdin.isatty() else subprocess.PIPE
    try:
        done = subprocess.run(  # noqa: S603 - no shell
            command, cwd=folder, stdout=shown, stderr=subprocess.PIPE, text=True, check=False
        )
    except (KeyboardInterrupt, FileNotFoundError) as error:
        refuse(f"Not updated: {str(error) or 'interrupted'}. Nothing here has changed.")
    if done.returncode:
        said = re.split(r"^Traceback .*\n(?:  .*\n)+", done.stderr, flags=re.MULTILINE)[-1].strip()
        # Of a wrong option, Copier tells in the line above its help.
        reason = said or (done.stdout or "").partition("\n")[0] or "Copier failed."
        refuse(f"{reason}\nNot updated, for the reason above. Nothing here has changed.")
    # Said of a template without releases, at each of Copier's steps; no news to its users.
    said = (row for row in done.stderr.splitlines(keepends=True) if "No git tags found" not in row)
    sys.stderr.write("".join(said))


def refuse(reason: str) -> NoReturn:
    """End with a sentence."""
    sys.stderr.write(f"{reason}\n")
    raise SystemExit(2)


if __name__ == "__main__":
    sys.exit(main())
