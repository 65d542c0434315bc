"""A log of parquet files by day, in a folder or an object store: date=YYYY-MM-DD/*.parquet."""

import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Set
from contextlib import suppress
from datetime import date
from pathlib import Path, PurePosixPath

import polars as pl

from ..object_store import ERRORS, is_url, options, place, write_parquet
from ..prediction_log.store import DAY
from .files import TRIES, remove, replace, state_of, sync_folder, unreadable
from .place import Expired


class DailyLog:
    """Whoever writes such a log only adds files, so a file that is there may be rewritten.

    `column` holds the ids of the predictions; with `by_call` the ids of the calls that they came
    from, which are those of the predictions without the number of the row.
    In an object store a file is emptied where a folder's is deleted: what is left of it names its
    columns, and goes by the rules of the store. Raises ValueError for what is no place.
    """

    def __init__(
        self, setting: str, where: str, column: str = "prediction_id", *, by_call: bool = False
    ) -> None:
        self.setting = setting
        self._where = place(where, setting)
        self._column = column
        self._by_call = by_call

    def is_here(self) -> bool:
        """Whether the folder is there; of an object store that is taken for granted."""
        return is_url(self._where) or Path(self._where).is_dir()

    def holding(self, ids: Set[str]) -> Mapping[str, Set[str]]:
        """The files with rows of these predictions, and of which of them."""
        of_key: dict[str, set[str]] = defaultdict(set)
        for one in ids:
            of_key[self._key(one)].add(one)
        is_asked = pl.col(self._column).is_in(list(of_key))
        held: dict[str, set[str]] = defaultdict(set)
        for file, key in self._seen(lambda rows: rows.filter(is_asked)):
            held[file] |= of_key[key]
        return held

    def remove(self, file: str, ids: Set[str]) -> int:
        """Rewrite a file without the rows of these predictions; how many rows that were."""
        keys = [self._key(one) for one in ids]
        try:
            seen = None if is_url(file) else state_of(Path(file))
            rows = pl.read_parquet(
                file, glob=False, hive_partitioning=False, storage_options=options(file)
            )
        except FileNotFoundError:
            return 0
        except ERRORS as error:
            raise unreadable(file, error) from error
        left = rows.filter(~pl.col(self._column).is_in(keys))
        if len(left) == len(rows):
            return 0
        if seen is None:
            write_parquet(left, file)
        elif len(left):
            content = io.BytesIO()
            left.write_parquet(content, compression="zstd")
            replace(Path(file), content.getvalue(), seen)
        else:
            remove(Path(file))
        return len(rows) - len(left)

    def expire(self, before: date, *, dry_run: bool) -> Expired:
        """Delete the days before this one, or only say how many files that would be."""
        oldest = f"date={before}"
        if is_url(self._where):
            files = [file for (file,) in self._seen(lambda rows: rows.select("file"))]
            old = sorted(file for file in files if PurePosixPath(file).parent.name < oldest)
            for file in old if not dry_run else ():
                write_parquet(self._empty(file), file)
            return Expired(len(old), 0)
        folders = [folder for folder in Path(self._where).glob(DAY) if folder.name < oldest]
        paths = [path for folder in folders for path in folder.glob("*.parquet")]
        if not dry_run:
            _delete(paths)
            for folder in folders:
                sync_folder(folder)
                with suppress(OSError):  # somebody keeps something of his own there
                    folder.rmdir()
        return Expired(len(paths), 0)

    def _key(self, prediction: str) -> str:
        return prediction.rpartition("-")[0] if self._by_call else prediction

    def _seen(self, wanted: Callable[[pl.LazyFrame], pl.LazyFrame]) -> list[tuple[str, ...]]:
        """What is wanted of the frame of file and key, each row once."""
        for last in range(TRIES, 0, -1):
            files = self._files()
            if not files:
                break
            try:
                rows = pl.scan_parquet(
                    files,
                    glob=is_url(self._where),
                    schema={self._column: pl.String},
                    extra_columns="ignore",
                    hive_partitioning=False,
                    include_file_paths="file",
                    storage_options=options(self._where),
                ).select("file", self._column)
                return wanted(rows).unique().collect(engine="streaming").rows()
            except ERRORS as error:
                # A day may have been deleted meanwhile.
                if last == 1:
                    raise unreadable(self._where, error) from error
        return []

    def _files(self) -> list[str]:
        """The files, or for polars to find out: a pattern."""
        if is_url(self._where):
            return [f"{self._where}/date=*/*.parquet"]
        return sorted(str(path) for path in Path(self._where).glob(f"{DAY}/*.parquet"))

    def _empty(self, file: str) -> pl.DataFrame:
        return pl.read_parquet(
            file, n_rows=0, glob=False, hive_partitioning=False, storage_options=options(file)
        )


def _delete(paths: Iterable[Path]) -> None:
    """Delete all that can be deleted; raises the first OSError after that."""
    errors = []
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            errors.append(error)
    if errors:
        raise errors[0]
