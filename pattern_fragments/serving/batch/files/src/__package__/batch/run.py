"""One day's run: plan, score what is not scored yet, and publish all of it or nothing."""

import hashlib
import logging
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from ..model_folder import ModelFolder
from ..service import Service
from ..settings import Settings
from ..wiring import build_service, prepare_features
from . import share, source
from .ending import ending
from .engines import engine
from .figures import Figures, midnight
from .manifest import InputRecord, Manifest, Model, PartRecord, total, written
from .part import QUARANTINE, Job, output_columns
from .progress import Progress
from .source import InputFile, Part
from .versions import TRIAL, Day, remove_abandoned_trials, sync, write

logger = logging.getLogger(__name__)

MANIFEST = "manifest.json"
FEATURES = "features"
RECORDS = ".records"
"""Of finished parts, while others are not."""
CODE = "code"
"""Beside the records: the hash of the code that has begun."""


def try_day(settings: Settings, day: date, figures: Figures) -> None:
    """Score the first part of a day's input where the day's own run would, and remove it again.

    Raises ValueError, or TooManyBadRows, when the whole run is certain to fail, and when no row of
    the part can be scored.
    """
    settings.output.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=TRIAL, dir=settings.output) as scratch:
        elsewhere = settings.model_copy(update={"output": Path(scratch)})
        run_day(elsewhere, day, again=False, figures=figures, most_parts=1)


def run_day(
    settings: Settings,
    day: date,
    again: bool,
    figures: Figures,
    most_parts: int | None = None,
    ids_of: str = "",
) -> None:
    """Score a day's input, or its first parts, and publish it, unless that has been done.

    The predictions' ids begin with the version that is made, or with `ids_of`: that of another
    output of the same input, to be compared with.

    A run that was killed goes on where it was. A day that was rolled back is left as it is, unless
    it is scored again. Raises ValueError when the input is wrong, and TooManyBadRows.
    """
    remove_abandoned_trials(settings.output)
    place = Day(settings.output, day)
    with place.locked():
        if place.held and not again:
            manifest = Manifest.read(place.link / MANIFEST)
            logger.warning(
                "nothing published: the day was rolled back, and stays so until a run with --again",
                extra={"date": str(day), "version": manifest.version},
            )
            _tell(figures, manifest, place.link)
            return
        signature = ModelFolder(settings.model_dir).read_signature()
        files = source.find(
            settings.input, day, signature, output_columns(signature), settings.input_marker
        )
        version = place.version(_identity(settings, day, files), again)
        if version == place.published and not again and place.complete(version):
            manifest = Manifest.read(place.folder / version / MANIFEST)
            logger.info("published before", extra={"date": str(day), "version": version})
        else:
            if not place.complete(version):
                _make(settings, day, place, version, files, figures, most_parts, ids_of)
            place.publish(version, settings.keep_versions)
            manifest = Manifest.read(place.folder / version / MANIFEST)
            logger.info(
                "published" if most_parts is None else "tried, nothing published",
                extra={
                    "date": str(day),
                    "version": version,
                    "scored": manifest.scored,
                    "quarantined": manifest.quarantined,
                    "reasons": manifest.reasons,
                },
            )
        _tell(figures, manifest, place.folder / version)


def _tell(figures: Figures, manifest: Manifest, folder: Path) -> None:
    """What readers find, whoever has made it."""
    figures.rows, figures.quarantined = manifest.rows, manifest.quarantined
    figures.features = folder.absolute() / FEATURES


def _make(
    settings: Settings,
    day: date,
    place: Day,
    version: str,
    files: Sequence[InputFile],
    figures: Figures,
    most_parts: int | None,
    ids_of: str,
) -> None:
    """Write a version, or what is missing of it."""
    folder = place.partial(version)
    if not (folder / MANIFEST).exists():
        _begin(folder)
        settings = prepare_features(settings, folder.absolute() / FEATURES, midnight(day))
        service = build_service(settings)
        figures.watch(service)
        parts = list(source.plan(files, settings.rows_per_part))
        if not parts:
            raise ValueError(f"{files[0].path} holds no rows")
        figures.rows = sum(part.rows for part in parts)
        parts = parts[:most_parts]
        job = Job(str(folder.absolute()), day, ids_of or version, tuple(files))
        records = _score(service, job, parts, figures, is_trial=most_parts is not None)
        source.check_unchanged(settings.input, day, files)
        manifest = _manifest(service, day, version, files, parts, records, folder)
        write(folder / MANIFEST, written(manifest))
    shutil.rmtree(folder / RECORDS, ignore_errors=True)
    for scratch in folder.rglob(".*.tmp"):
        scratch.unlink()
    for name in (FEATURES, QUARANTINE):
        # A run that was killed here has removed it already.
        if (folder / name).is_dir() and not any((folder / name).iterdir()):
            (folder / name).rmdir()
    place.finish(version)


def _begin(folder: Path) -> None:
    """Prepare the folder of a version, or go on with what this code has begun there."""
    note, code = folder / RECORDS / CODE, _code()
    if not note.exists() or note.read_bytes() != code:
        shutil.rmtree(folder)
    for name in (FEATURES, QUARANTINE, RECORDS):
        (folder / name).mkdir(parents=True, exist_ok=True)
    write(note, code)


def _code() -> bytes:
    """A hash of this package's source: other code may make other features of the same data."""
    paths = sorted(Path(__file__).parents[1].rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest().encode()


def _score(
    service: Service, job: Job, parts: Sequence[Part], figures: Figures, is_trial: bool
) -> list[PartRecord]:
    """Score the parts that have no record yet; the records of all, in order."""
    folder = Path(job.folder)
    records = {record.name: record for record in _finished(folder, parts)}
    rows = sum(part.rows for part in parts)
    most = share.allowed(figures.rows, service.settings.max_quarantined_share)
    where = None if is_trial else folder / QUARANTINE
    progress = Progress(rows, sum(record.rows for record in records.values()))
    missing = [part for part in parts if part.name not in records]
    logger.info(
        "run",
        extra={"version": job.version, "rows": rows, "parts": len(parts), "to_do": len(missing)},
    )
    figures.quarantined = sum(record.quarantined for record in records.values())
    share.check(figures.quarantined, most, figures.rows, records.values(), where)
    run = engine(service.settings.engine)
    with closing(run(service, job, missing)) as results:
        for result in results:
            record = result.record
            with ending.held_back():
                # A part that is told twice, after a kill in between, is better than one never told.
                figures.tell(result)
                _keep(folder, record)
            records[record.name] = record
            progress.advance(record.rows)
            figures.quarantined += record.quarantined
            share.check(figures.quarantined, most, figures.rows, records.values(), where)
    if is_trial:
        share.check_trial(records.values())
    progress.end()
    return [records[part.name] for part in parts]


def _keep(folder: Path, record: PartRecord) -> None:
    """Note that a part is done, after its files have reached the disk."""
    sync(folder / f"{record.name}.parquet")
    if record.quarantine_sha256:
        sync(folder / QUARANTINE / f"{record.name}.jsonl")
    write(folder / RECORDS / f"{record.name}.json", written(record))


def _finished(folder: Path, parts: Sequence[Part]) -> Iterator[PartRecord]:
    """The records of parts whose files are what the records say; the others are scored again."""
    for part in parts:
        path = folder / RECORDS / f"{part.name}.json"
        if not path.exists():
            continue
        try:
            record = msgspec.json.decode(path.read_bytes(), type=PartRecord)
        except msgspec.DecodeError:
            continue
        if _sha256(folder / f"{part.name}.parquet") == record.sha256 and (
            _sha256(folder / QUARANTINE / f"{part.name}.jsonl") == record.quarantine_sha256
        ):
            yield record


def _sha256(path: Path) -> str | None:
    return source.sha256_of(path) if path.exists() else None


def _manifest(
    service: Service,
    day: date,
    version: str,
    files: Sequence[InputFile],
    parts: Sequence[Part],
    records: Sequence[PartRecord],
    folder: Path,
) -> Manifest:
    rows = [sum(part.rows for part in parts if part.file == file) for file in range(len(files))]
    return Manifest(
        date=day.isoformat(),
        version=version,
        model=Model(service.signature.name, service.signature.version),
        features={
            path.name: source.sha256_of(path) for path in sorted((folder / FEATURES).iterdir())
        },
        rows=sum(rows),
        scored=sum(record.scored for record in records),
        quarantined=sum(record.quarantined for record in records),
        reasons=total([record.reasons for record in records]),
        inputs=[
            InputRecord(name=file.name, rows=count, size=file.size, sha256=file.sha256)
            for file, count in zip(files, rows, strict=True)
        ],
        parts=records,
    )


def _identity(settings: Settings, day: date, files: Sequence[InputFile]) -> str:
    """Twelve characters that name everything the output of a day depends on."""
    model = ModelFolder(settings.model_dir)
    facts = [
        day.isoformat(),
        source.sha256_of(model.model),
        source.sha256_of(model.signature),
        settings.rows_per_part,
        [(file.name, file.sha256) for file in files],
    ]
    return hashlib.sha256(msgspec.json.encode(facts)).hexdigest()[:12]
