"""What an approval is, and whether one lets an image into an environment.

An approval is a file in approvals/, named after a release. Its upper part says what is asked for
and by whom; below [decision] a second person says what they decided about that very text.
"""

import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from history import BRANCH, History

ROOT = Path(__file__).parents[1]
APPROVALS = "approvals"
FREE = frozenset({"staging"})
"""Where a version is tried without an approval; every other environment asks for one."""

LONGEST = timedelta(days=366)
"""No decision holds for longer, whatever its file says."""

DECISION = "\n[decision]\n"
APPROVED, REFUSED = "approved", "refused"
PLACE = "put whose address that is into .mailmap, as docs/approval.md tells."


class NotApprovedError(Exception):
    """Why an image may not be brought to callers, as a sentence."""


@dataclass(frozen=True)
class Decision:
    """What a second person decided, and about which text."""

    outcome: str
    by: str
    at: datetime
    expires: date
    grounds: str
    conditions: tuple[str, ...]
    about: str
    """SHA-256 of the text above [decision]."""


@dataclass(frozen=True)
class Model:
    """A model folder in an image."""

    version: str
    revision: str
    """The commit that it was trained from."""

    files: dict[str, str]
    """Each with its SHA-256."""


@dataclass(frozen=True)
class Approval:
    """A file in approvals/."""

    path: Path
    image: str
    """With the tag of the release."""

    digest: str
    """sha256:..."""

    asked_by: str
    asked_at: datetime
    models: tuple[Model, ...]

    request: str
    """The text above [decision]."""

    decision: Decision | None


def read_approval(path: Path) -> Approval:
    """Read a file of approvals/; raises NotApprovedError when it is none."""
    try:
        text = path.read_text(encoding="utf-8")
        request, _, _ = text.partition(DECISION)
        found = tomllib.loads(text)
        decided = found.get("decision")
        return Approval(
            path=path,
            image=_text(found["image"]),
            digest=_text(found["digest"]),
            asked_by=_text(found["asked_by"]),
            asked_at=_moment(found["asked_at"]),
            models=_models(found["models"]),
            request=request,
            decision=None if decided is None else _decision(decided),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise NotApprovedError(f"{APPROVALS}/{path.name} cannot be read: {reason}.") from error


def fingerprint(request: str) -> str:
    """What ties a decision to the text above it."""
    return sha256(request.encode()).hexdigest()


def require_approval(overlay: Path, images: Sequence[str], root: Path = ROOT) -> list[Approval]:
    """Exit with a sentence unless each image has an approval that holds, or none is needed here."""
    environment = overlay.resolve().name
    if environment in FREE:
        return []
    try:
        history = History(root)
        for reason in history.reasons_against(APPROVALS, "deploy", ".mailmap"):
            raise NotApprovedError(reason)
        if not images:
            raise NotApprovedError("no image can be found in it.")
        found: list[Approval] = []
        for image in images:
            found.append(holding_approval(image, environment, history, datetime.now(UTC)))
            show(found[-1])
    except NotApprovedError as error:
        sys.exit(f"Nothing was changed in {environment}: {error}")
    return found


def holding_approval(image: str, environment: str, history: History, now: datetime) -> Approval:
    """The approval of an image; raises NotApprovedError unless there is one that holds."""
    digest = image.partition("@")[2]
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        raise NotApprovedError(f"an approval covers a digest, and {image} names none.")
    files = sorted((history.root / APPROVALS).glob("*.toml"))
    found = [each for each in map(read_approval, files) if each.digest == digest]
    if len(found) != 1:
        names = " and ".join(f"{APPROVALS}/{each.path.name}" for each in found)
        raise NotApprovedError(
            f"{names} are all about {digest}; one must go."
            if found
            else f"no file in {APPROVALS}/ is about {digest}; see docs/approval.md."
        )
    [approval] = found
    for reason in reasons_against(approval, environment, history, now):
        raise NotApprovedError(f"{APPROVALS}/{approval.path.name}: {reason}")
    return approval


def reasons_against(
    approval: Approval, environment: str, history: History, now: datetime
) -> Iterator[str]:
    """Why an approval does not hold, as ends of a sentence."""
    decision = approval.decision
    if decision is None:
        yield f"{approval.asked_by} asks, and nobody has decided."
        return
    if decision.outcome != APPROVED:
        yield f"{decision.by} decided {decision.outcome!r}: {decision.grounds}"
    if decision.about != fingerprint(approval.request):
        yield f"what is asked for was changed after {decision.by} decided about it."
    if not approval.asked_at <= decision.at <= now:
        yield f"it was decided at {decision.at}, which is not between the request and now."
    if decision.expires < now.date():
        yield f"it held until {decision.expires}; somebody has to decide anew."
    if decision.expires > (decision.at + LONGEST).date():
        yield f"it would hold until {decision.expires}, more than {LONGEST.days} days."
    yield from reasons_against_models(approval, history)
    yield from _reasons_against_persons(approval, decision, environment, history)


def reasons_against_models(approval: Approval, history: History) -> Iterator[str]:
    """Why a model was not made from what was reviewed, as ends of a sentence."""
    for model in approval.models:
        if not history.merged(model.revision):
            yield (
                f"model {model.version} was trained from {model.revision}, which is not on"
                f" {BRANCH}: `git fetch`, or train and release a commit that was merged."
            )


def _reasons_against_persons(
    approval: Approval, decision: Decision, environment: str, history: History
) -> Iterator[str]:
    file = f"{APPROVALS}/{approval.path.name}"
    decider = history.person(decision.by)
    _, committers = history.authors(file, DECISION.strip())
    if committers != {decider}:
        others = " and ".join(sorted(committers - {decider})) or "nobody"
        yield f"it names {decision.by}, and {others} committed the decision."
    overlay = f"deploy/overlays/{environment}"
    released = (f"put the image into {overlay}", history.first_author(overlay, approval.digest))
    involved = [*askers(approval, history), released]
    yield from reasons_against_decider(decision.by, involved, history)


def reasons_against_decider(
    by: str, involved: Sequence[tuple[str, str | None]], history: History
) -> Iterator[str]:
    """Why somebody may not decide beside those who had a hand in it, as ends of a sentence."""
    decider = history.person(by)
    for what, person in [*involved, ("decides", decider)]:
        if person is None:
            yield f"who {what} cannot be found in the history of this repository."
        elif history.unplaced(person):
            yield f"{person}, who {what}, may be anybody: {PLACE}"
    for what, person in involved:
        if person == decider:
            yield f"{by} {what} and decided: it takes a second person."


def askers(approval: Approval, history: History) -> list[tuple[str, str | None]]:
    """What was done for a request, and by whom, who may not decide; None is not known."""
    file = f"{APPROVALS}/{approval.path.name}"
    writers, _ = history.authors(file, DECISION.strip())
    return [
        ("asked", history.person(approval.asked_by)),
        ("committed the request", history.first_author(file)),
        *(("changed the request", person) for person in sorted(writers)),
        *(
            (f"made the last change in model {model.version}", history.author(model.revision))
            for model in approval.models
        ),
    ]


def show(approval: Approval) -> None:
    """Tell who let it pass, and on which conditions."""
    decision = approval.decision
    if decision is None:
        return
    conditions = "".join(f"\n  on condition: {each}" for each in decision.conditions)
    sys.stdout.write(
        f"{approval.image} was approved by {decision.by} on {decision.at:%Y-%m-%d},"
        f" until {decision.expires}.{conditions}\n"
    )
    sys.stdout.flush()


def _decision(found: dict[str, Any]) -> Decision:
    expires = found["expires"]
    if type(expires) is not date:
        raise ValueError(f"expires is {expires!r}; write a day, such as 2027-01-31")
    if found["outcome"] not in {APPROVED, REFUSED}:
        raise ValueError(f"outcome is {found['outcome']!r}; write {APPROVED} or {REFUSED}")
    return Decision(
        outcome=found["outcome"],
        by=_text(found["by"]),
        at=_moment(found["at"]),
        expires=expires,
        grounds=_text(found["grounds"]),
        conditions=tuple(map(_text, found["conditions"])),
        about=_text(found["about"]),
    )


def _models(found: list[dict[str, Any]]) -> tuple[Model, ...]:
    if not found:
        raise ValueError("models are none; an image holds one at least")
    return tuple(
        Model(
            version=_text(each["version"]),
            revision=_text(each["revision"]),
            files={name: _text(digest) for name, digest in each["files"].items()},
        )
        for each in found
    )


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{value!r} stands where a text is needed")
    return value


def _moment(value: object) -> datetime:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError(f"{value!r} is no moment; write one such as 2027-01-31T09:00:00Z")
    return value
