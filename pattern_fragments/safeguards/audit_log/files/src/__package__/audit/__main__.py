"""Check the audit log, or find an entry in it.

The command is `python -m __package__.audit`.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np

from ..columns import Encoder
from ..model_folder import ModelFolder
from ..settings import Settings, read_settings
from . import contents
from .key import Key, digest, read_key
from .observer import model_of
from .show import Place, find
from .verify import Head, Report, head_of, heads_in, verify

MOST_SHOWN = 100
"""Findings that are printed; a log that was written anew as a whole has one for each entry."""

FOUND, WRONG = 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 when all is well, 1 when the log was changed or has no such entry."""
    options = _parser().parse_args(arguments)
    try:
        settings = read_settings()
        folder: Path = options.folder or settings.audit_dir
        keys = [read_key(path) for path in options.key or _key_files(settings)]
        if options.command == "verify":
            heads = list(_heads(options))
            return _print(folder, verify(folder, keys, heads), len(heads))
        return _show(folder, options, settings, keys)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"cannot look into the audit log: {error}\n")
        return WRONG


def _print(folder: Path, report: Report, heads: int) -> int:
    found = report.chains
    for finding in report.findings[:MOST_SHOWN]:
        sys.stdout.write(f"{finding}\n")
    if len(report.findings) > MOST_SHOWN:
        sys.stdout.write(f"and {len(report.findings) - MOST_SHOWN} more\n")
    for note in report.notes:
        sys.stdout.write(f"note: {note}\n")
    if not heads:
        sys.stdout.write("note: chains that are missing whole are shown by --heads alone\n")
    for chain in found:
        sys.stdout.write(f"head {chain.head}{' closed' if chain.is_closed else ''}\n")
    sys.stdout.write(
        f"{folder}: {len(found)} chains, {sum(one.entries for one in found):,} entries:"
        f" {sum(one.calls for one in found):,} calls with {sum(one.rows for one in found):,} rows"
        f" answered, {sum(one.refused for one in found):,} refused,"
        f" {sum(one.missing_rows for one in found):,} rows without an entry;"
        f" {heads} heads from elsewhere\n"
    )
    if report.findings:
        sys.stdout.write(f"{folder}: the log was changed: {len(report.findings)} findings\n")
        return FOUND
    return 0


def _show(folder: Path, options: argparse.Namespace, settings: Settings, keys: list[Key]) -> int:
    wanted = options.prediction_id or options.request_id
    places = list(find(folder, options.prediction_id, options.request_id))
    if not places:
        sys.stderr.write(
            f"{folder} has no entry of {wanted}; what was answered within the last seconds may"
            " still be held\n"
        )
        return FOUND
    fits = True
    for place in places:
        problem, note = _changed(place, keys)
        sys.stdout.write(f"{place.where}: {place.line}\nentry: {problem or note}\n")
        fits = fits and not problem
        for name, content in _contents(options, settings, place):
            key = _key_of(place, keys)
            is_same = digest(content, key) == getattr(place.entry, name)
            sys.stdout.write(f"{name}: {'as recorded' if is_same else 'not what was recorded'}\n")
            fits = fits and is_same
    return 0 if fits else FOUND


def _changed(place: Place, keys: Sequence[Key]) -> tuple[str, str]:
    """Why an entry is not as it was written, or else what is known of it by itself."""
    if not place.link.is_whole:
        return "changed, for its hash is not that of its content", ""
    name = place.begun.key if place.begun else ""
    key = next((key for key in keys if key.name == name), None)
    if name and key is None:
        return "", f"its hash fits; its mac was not checked, for the key {name} was not given"
    if key and not key.is_mac(place.link.hash, place.link.mac):
        return "changed, for its mac is not one of the key", ""
    return "", "its hash and its mac fit" if key else "its hash fits"


def _contents(
    options: argparse.Namespace, settings: Settings, place: Place
) -> Iterator[tuple[str, bytes]]:
    """The contents that were given, as the digests are of them."""
    if options.inputs:
        folder = ModelFolder(settings.model_dir)
        if place.begun is None or model_of(folder) != place.begun.model:
            raise ValueError(
                f"{folder.path} is not the model that {place.where} was written with: name its"
                " folder in SERVICE_MODEL_DIR"
            )
        encoder = Encoder(folder.read_signature().inputs)
        rows = _rows(options.inputs)
        yield "inputs", contents.inputs(encoder.rows(rows))
    if options.predictions:
        numbers = _numbers(options.predictions)
        yield "predictions", contents.predictions(np.array(numbers, np.float32))


def _rows(path: Path) -> list[dict[str, object]]:
    """One row as an object, or a list of rows, as a caller sends them."""
    try:
        asked = msgspec.json.decode(
            path.read_bytes(), type=dict[str, object] | list[dict[str, object]]
        )
    except msgspec.MsgspecError as error:
        raise ValueError(f"{path} holds no rows: {error}") from None
    return asked if isinstance(asked, list) else [asked]


class _Answer(msgspec.Struct):
    """What a caller got: rows, each with its number beside its id."""

    predictions: list[dict[str, float | str]]


def _numbers(path: Path) -> list[float]:
    """The values of an answer, in the order of its rows."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=list[float] | _Answer)
    except msgspec.MsgspecError as error:
        raise ValueError(f"{path} holds no answer, and no list of numbers: {error}") from None
    if isinstance(found, list):
        return found
    values = [value for row in found.predictions for value in row.values()]
    return [value for value in values if isinstance(value, float)]


def _key_of(place: Place, keys: Sequence[Key]) -> Key | None:
    name = place.begun.key if place.begun else ""
    if not name:
        return None
    for key in keys:
        if key.name == name:
            return key
    raise ValueError(f"{place.where} has digests with the key {name}: name its file with --key")


def _heads(options: argparse.Namespace) -> Iterator[Head]:
    for text in options.head:
        yield head_of(text, "--head")
    for path in options.heads:
        if str(path) == "-":
            yield from heads_in(sys.stdin, "the log")
        else:
            with path.open(encoding="utf-8", errors="replace") as lines:
                yield from heads_in(lines, str(path))


def _key_files(settings: Settings) -> list[Path]:
    return [settings.audit_key_file] if settings.audit_key_file else []


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m __package__.audit",
        description="Check the audit log, or find an entry in it.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("verify", help="whether every entry is as it was written")
    show = commands.add_parser("show", help="the entries of a prediction, or of a request")
    for command in (check, show):
        command.add_argument(
            "folder", nargs="?", type=Path, metavar="DIR", help="default: SERVICE_AUDIT_DIR"
        )
        command.add_argument(
            "--key", type=Path, action="append", help="a key; default: SERVICE_AUDIT_KEY_FILE"
        )
    check.add_argument(
        "--head",
        action="append",
        default=[],
        metavar="[CHAIN:]N:HASH",
        help="an entry that must be there",
    )
    check.add_argument(
        "--heads",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="a log of the service, whose heads must be there; - reads standard input",
    )
    wanted = show.add_mutually_exclusive_group(required=True)
    wanted.add_argument("--prediction-id", default="")
    wanted.add_argument("--request-id", default="")
    show.add_argument(
        "--inputs", type=Path, help="rows in JSON: were they what was asked? needs the model"
    )
    show.add_argument(
        "--predictions", type=Path, help="JSON, the answer or its numbers: was it this?"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
