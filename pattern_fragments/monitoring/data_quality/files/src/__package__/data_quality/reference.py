"""How good the training rows were: quality.json of the model folder."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

FILE_NAME = "quality.json"


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """Shares of the training rows: those that fail each check, by dimension and name, those that
    lack a feature, and those whose category is unknown."""

    rows: int
    failed: Mapping[str, Mapping[str, float]]
    missing: Mapping[str, float]
    unknown: Mapping[str, float]

    @classmethod
    def read(cls, path: Path) -> "Quality":
        """Read a quality.json; raises FileNotFoundError and ValueError."""
        if not path.exists():
            raise FileNotFoundError(f"{path} is missing: train again, which writes it")
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except msgspec.DecodeError as error:
            raise ValueError(f"{path} holds no data quality of a model: {error}") from error
