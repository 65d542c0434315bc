"""docs/proof.md: what the last full proof found."""

import os
import platform
import subprocess
import time
from collections.abc import Sequence

from .mutations import MUTATIONS
from .stages import STAGES, Stage
from .template import ROOT

PATH = ROOT / "docs" / "proof.md"
HEAD = """\
# What is proven

Written by `make prove` and, its last chapter, by `make prove-containers`: do not edit. Each part is told in
[the guide to the proof](proving.md).

"""
CONTAINERS = "## Containers and manifests\n"


def write(stages: Sequence[Stage], key: str) -> None:
    """Write the page about stages that passed; it names those that are still to be run."""
    total = sum(stage.seconds for stage in stages)
    lines = [
        f"- Revision: {_commit()}, content `{key}`; {time.strftime('%Y-%m-%d', time.gmtime())}",
        f"- Machine: {os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}",
        f"- Time: {total / 60:.0f} minutes",
        "",
        "| part | seconds |",
        "|---|--:|",
        *(f"| [{stage.name}](#{_anchor(stage.name)}) | {stage.seconds:.0f} |" for stage in stages),
        "",
    ]
    if missing := STAGES.keys() - {stage.name for stage in stages}:
        lines += [f"Not run for this revision: {', '.join(name for name in STAGES if name in missing)}.", ""]
    for stage in stages:
        lines += [f"## {stage.name}", ""]
        lines += [f"\n{fact}" if fact.startswith("|") else f"- {fact}" for fact in stage.facts]
        if stage.slowest:
            lines.append(f"- Slowest: {', '.join(f'`{name}` {seconds:.1f} s' for name, seconds in stage.slowest)}")
        if stage.name == "The proof proves":
            lines += ["", "| planted defect | found by |", "|---|---|"]
            lines += [f"| {mutation.name} | {mutation.guard} |" for mutation in MUTATIONS]
        lines.append("")
    _, heading, chapter = PATH.read_text().partition(CONTAINERS) if PATH.exists() else ("", "", "")
    PATH.write_text(HEAD + "\n".join(lines).rstrip() + "\n" + (f"\n{heading}{chapter}" if heading else ""))


def write_containers(lines: Sequence[str]) -> None:
    """Write the chapter about containers and manifests anew, and leave the others as they are."""
    others, _, _ = PATH.read_text().partition(CONTAINERS)
    head = [f"- Revision: {_commit()}; {time.strftime('%Y-%m-%d', time.gmtime())}"]
    PATH.write_text(f"{others.rstrip()}\n\n{CONTAINERS}\n" + "\n".join([*head, *lines]).rstrip() + "\n")


def _anchor(name: str) -> str:
    return name.lower().replace(" ", "-").replace(",", "")


def _commit() -> str:
    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()

    changed = git("status", "--porcelain", "--", ".", ":!docs/proof.md")
    return f"`{git('rev-parse', '--short', 'HEAD')}`{' with changes' if changed else ''}"
