"""Asks for a release in production, and decides about what another person asks for.

    python3 deploy/approve.py ready
    python3 deploy/approve.py ask IMAGE:1.2.3@sha256:... --model model
    python3 deploy/approve.py approve 1.2.3 --model model --grounds "Better in every month."
    python3 deploy/approve.py refuse 1.2.3 --grounds "Worse for small destinations."
    python3 deploy/approve.py check production

`ready` tells before a release whether it can be asked for. The file approvals/1.2.3.toml is
written; docs/approval.md tells how it comes into the repository. Needs git, and for `check`
kubectl.
"""

import argparse
import json
import re
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from approval import (
    APPROVALS,
    APPROVED,
    DECISION,
    LONGEST,
    PLACE,
    REFUSED,
    ROOT,
    Approval,
    Model,
    NotApprovedError,
    askers,
    fingerprint,
    read_approval,
    reasons_against_decider,
    reasons_against_models,
    require_approval,
)
from environment import images_of, overlay_of
from history import BRANCH, History

USUAL = timedelta(days=180)
SOON = timedelta(days=30)
HEAD = "# By deploy/approve.py, for deploy/rollout.py: docs/approval.md tells what it means.\n"
IMAGE = re.compile(r"(?P<name>[\w./:-]+):(?P<release>\w[\w.-]*)@(?P<digest>sha256:[0-9a-f]{64})")
NOT_IN_THE_IMAGE = "plots"


def main() -> None:
    """Exit with 0 when the file was written or all is approved, with a sentence when not."""
    options = _parser().parse_args()
    history = History(ROOT)
    try:
        if options.command == "ask":
            path = ask(options.image, options.models, options.by, history)
        elif options.command == "check":
            overlay = overlay_of(options.environment)
            for approval in require_approval(overlay, images_of(overlay)):
                remind(approval, datetime.now(UTC).date())
            return
        elif options.command == "ready":
            ready(options.by, history)
            return
        else:
            path = decide(options, history)
    except (NotApprovedError, ValueError, OSError) as error:
        sys.exit(f"Nothing was written: {error}")
    except subprocess.CalledProcessError:
        sys.exit(f"kubectl cannot build {overlay}.")
    sys.stdout.write(f"{path.relative_to(ROOT)}: commit it, and open a pull request.\n")


def remind(approval: Approval, today: date) -> None:
    """Tell that an approval ends soon, while somebody can still decide anew without haste."""
    if approval.decision is not None and approval.decision.expires < today + SOON:
        days = (approval.decision.expires - today).days
        sys.stdout.write(
            f"{approval.image} can be rolled out for {days} more days, also to go"
            " back to it: let a second person decide anew.\n"
        )


def ready(by: str | None, history: History) -> None:
    """Raise ValueError when a release of what is checked out could not be asked for."""
    asker = history.person(who(by, history))
    if history.unplaced(asker):
        raise ValueError(f"{asker}, who asks, may be anybody: {PLACE}")
    if not history.merged("HEAD"):
        raise ValueError(f"this commit is not on {BRANCH}: merge it, and release what is merged.")


def ask(image: str, folders: list[Path], by: str | None, history: History) -> Path:
    """Write a request for an image that holds the models of some folders."""
    found = IMAGE.fullmatch(image)
    if found is None:
        raise ValueError(f"{image!r} is no NAME:RELEASE@sha256:..., such as a release names.")
    path = ROOT / APPROVALS / f"{found['release']}.toml"
    if path.exists():
        raise ValueError(f"{path.name} is there already; a release is asked for once.")
    asker = who(by, history)
    if history.unplaced(history.person(asker)):
        raise ValueError(f"{history.person(asker)}, who asks, may be anybody: {PLACE}")
    models = [model_in(folder) for folder in folders]
    lines = [
        f"image = {quoted(image.partition('@')[0])}",
        f"digest = {quoted(found['digest'])}",
        f"asked_by = {quoted(asker)}",
        f"asked_at = {_now()}",
    ]
    for model in models:
        lines += [
            "",
            "[[models]]",
            f"version = {quoted(model.version)}",
            f"revision = {quoted(model.revision)}",
            "[models.files]",
            *(f"{quoted(name)} = {quoted(digest)}" for name, digest in model.files.items()),
        ]
    _write(path, HEAD + "\n".join(lines) + "\n")
    return path


def decide(options: argparse.Namespace, history: History) -> Path:
    """Put a decision below a request, in the place of an earlier one."""
    path = ROOT / APPROVALS / f"{options.release}.toml"
    if not path.is_file():
        raise ValueError(f"nobody has asked for {options.release}; see `ask --help`.")
    approval = read_approval(path)
    by = who(options.by, history)
    for reason in reasons_against_decider(by, askers(approval, history), history):
        raise ValueError(reason)
    approves = options.command == "approve"
    if approves:
        for reason in reasons_against_models(approval, history):
            raise ValueError(reason)
        _same_models(approval, [model_in(folder) for folder in options.models])
    now = datetime.now(UTC)
    until = options.until or (now + USUAL).date()
    if not now.date() <= until <= (now + LONGEST).date():
        raise ValueError(f"{until} is not within the next {LONGEST.days} days.")
    lines = [
        f"outcome = {quoted(APPROVED if approves else REFUSED)}",
        f"by = {quoted(by)}",
        f"at = {_now()}",
        f"expires = {until}",
        f"grounds = {quoted(options.grounds)}",
        f"conditions = [{', '.join(map(quoted, options.conditions))}]",
        f"about = {quoted(fingerprint(approval.request))}",
    ]
    # git tells by lines who decided: no line may stay as somebody else left it.
    mark = f"  # {by}, {_now()}"
    _write(path, approval.request + DECISION + "".join(f"{line}{mark}\n" for line in lines))
    return path


def model_in(folder: Path) -> Model:
    """A model folder as training left it, or as it lies in an image."""
    try:
        signature = json.loads((folder / "signature.json").read_bytes())
        training = json.loads((folder / "training.json").read_bytes())
        (folder / "MODEL_CARD.md").read_bytes()
    except FileNotFoundError as error:
        raise ValueError(f"{folder} is no model folder: {error.filename} is missing.") from None
    revision = str(training["git_revision"])
    if not re.fullmatch(r"[0-9a-f]{40,64}", revision):
        raise ValueError(
            f"the model in {folder} was trained from {revision}, which is no commit: train it from"
            " one, as the workflow Release does."
        )
    files = {
        path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and NOT_IN_THE_IMAGE not in path.relative_to(folder).parts
    }
    return Model(version=str(signature["version"]), revision=revision, files=files)


def _same_models(approval: Approval, models: list[Model]) -> None:
    for asked in approval.models:
        here = next((each for each in models if each.version == asked.version), None)
        if here is None:
            raise ValueError(f"--model names no folder of {asked.version}, which is asked for.")
        for name in sorted(asked.files.keys() | here.files.keys()):
            if asked.files.get(name) != here.files.get(name):
                raise ValueError(f"{name} of model {asked.version} is not the one asked for.")


def who(by: str | None, history: History) -> str:
    """Somebody as `Name <address>`; whom git would name when nobody is given."""
    found = by or history.committer()
    if not found or not re.fullmatch(r"[^<>]+ <[^<>@\s]+@[^<>\s]+>", found):
        raise ValueError(f"{found or 'nobody'} is no 'Name <address>', as git config has it.")
    return found


def quoted(text: str) -> str:
    """A text on one line of TOML; raises ValueError when it has none, or characters of control."""
    text = text.strip()
    if not text or not text.isprintable():
        raise ValueError(f"{text!r} is no text on one line.")
    return json.dumps(text, ensure_ascii=False)


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _write(path: Path, text: str) -> None:
    """Replace a file as a whole."""
    path.parent.mkdir(exist_ok=True)
    new = path.with_suffix(".part")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    asking = commands.add_parser("ask", help="write down what a release holds, and who asks")
    asking.add_argument("image", help="NAME:RELEASE@sha256:...")
    approving = commands.add_parser("approve", help="let a release into production")
    refusing = commands.add_parser("refuse", help="keep a release out of production")
    for deciding in (approving, refusing):
        deciding.add_argument("release", help="the name of a file in approvals/, without .toml")
        deciding.add_argument("--grounds", required=True, help="why, in a sentence or two")
        deciding.add_argument(
            "--condition", dest="conditions", action="append", default=[], help="what must hold"
        )
        deciding.add_argument("--until", type=date.fromisoformat, help="the last day it holds")
    for reading in (asking, approving):
        reading.add_argument(
            "--model",
            dest="models",
            type=Path,
            action="append",
            required=True,
            help="the folder of the model that the image holds; once for each, where it holds more",
        )
    readying = commands.add_parser("ready", help="can a release of this commit be asked for?")
    for naming in (readying, asking, approving, refusing):
        naming.add_argument("--by", help="'Name <address>'; by default whom git would name")
    checking = commands.add_parser("check", help="is what an environment names approved?")
    checking.add_argument("environment", nargs="?", default="production")
    return parser


if __name__ == "__main__":
    main()
