"""The versions of the model that a rehearsal plays with; each is trained once, then kept."""

import contextlib
import shutil
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from ..domain import data
from ..feature_matrix import check_features
from ..model_folder import ModelFolder, replacing
from ..period import Period
from ..training.steps import STEPS

BAD_SUFFIX = "-bad"


class Models(NamedTuple):
    """Model folders, each complete."""

    champion: Path
    """Serves now."""
    candidate: Path
    """The same model, trained on a later period."""
    bad: Path
    """The candidate, but its graph takes the features in another order: it loads, answers, and is
    wrong. This is what happens when training and serving are built from different code."""


def prepare(folder: Path, *, small: bool = False) -> Models:
    """Train what is not there yet, into `folder`/models; progress goes to stderr.

    `folder` is that of all rehearsals, data/rehearsal. With `small` the models learn from a few
    days, which takes seconds: for tests. What an interrupted call has finished is kept.
    Raises ValueError when the data cannot carry the models.
    """
    whole = data.SMALL_PERIOD if small else data.PERIOD
    champion, candidate = periods(whole)
    place = folder / "models" / ("small" if small else "full")
    models = Models(place / "champion", place / "candidate", place / "bad")
    _train(models.champion, champion)
    _train(models.candidate, candidate)
    _spoil(models.candidate, models.bad)
    return models


def periods(whole: Period) -> tuple[Period, Period]:
    """What champion and candidate learn from: the earlier and the later half of the training rows.

    Both are tested until the same day, so that both leave the features of that day behind; the rest
    of the test rows is what a rehearsal asks about.
    """
    middle, end = _day_between(whole.start, whole.split), _day_between(whole.split, whole.end)
    return Period(whole.start, middle, end), Period(middle, whole.split, end)


def end_of_test(model: Path) -> datetime:
    """The day after a model's test: rows from here on are new to it."""
    return _recorded(ModelFolder(model)).end


class _Recorded(msgspec.Struct, frozen=True):
    start: datetime
    split: datetime
    end: datetime
    seconds: dict[str, float]
    """By step of the training."""


def _recorded(folder: ModelFolder) -> _Recorded:
    return msgspec.json.decode(folder.training.read_bytes(), type=_Recorded)


def _day_between(start: datetime, end: datetime) -> datetime:
    middle = start + (end - start) / 2
    return middle.replace(hour=0, minute=0, second=0, microsecond=0)


def _train(path: Path, period: Period) -> None:
    if _is_trained(ModelFolder(path), period):
        return
    # The libraries of training take seconds to import: only who trains waits for them.
    from ..train import train

    sys.stderr.write(f"training {path} on {period.start:%Y-%m-%d} to {period.split:%Y-%m-%d}\n")
    with contextlib.redirect_stdout(sys.stderr):
        train(path, period, seed=0)


def _is_trained(folder: ModelFolder, period: Period) -> bool:
    """Whether a model is there of this period, of today's features, and by all steps of today."""
    if not folder.signature.exists():
        return False
    found = _recorded(folder)
    try:
        check_features(folder.read_signature())
    except ValueError:
        return False
    is_whole = all(name in found.seconds for name, _ in STEPS)
    return is_whole and Period(found.start, found.split, found.end) == period


def _spoil(candidate: Path, path: Path) -> None:
    """Make the bad model from the candidate, unless it was made from this very one."""
    source, bad = ModelFolder(candidate), ModelFolder(path)
    if bad.signature.exists() and bad.training.read_bytes() == source.training.read_bytes():
        return
    signature = source.read_signature()
    version = signature.version + BAD_SUFFIX
    order = list(reversed(range(len(signature.features))))
    with replacing(path) as new:
        shutil.copytree(candidate, new.path, dirs_exist_ok=True)
        new.model.write_bytes(_taking_features_in(order, source.model.read_bytes()))
        msgspec.structs.replace(signature, version=version).write(new.signature)


def _taking_features_in(order: Sequence[int], graph: bytes) -> bytes:
    """The same graph, but its input float32[n, k] is first put into another order of columns."""
    import onnx
    from onnx import helper

    model = onnx.load_from_string(graph)
    [given] = model.graph.input
    gathered = f"{given.name}_reordered"
    for node in model.graph.node:
        node.input[:] = [gathered if name == given.name else name for name in node.input]
    model.graph.initializer.append(
        helper.make_tensor("order", onnx.TensorProto.INT64, [len(order)], order)
    )
    model.graph.node.insert(
        0, helper.make_node("Gather", [given.name, "order"], [gathered], axis=1)
    )
    return bytes(model.SerializeToString())
