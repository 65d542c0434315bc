"""Rows to ask about, which training leaves beside the model."""

from collections.abc import Sequence
from typing import Any

import msgspec

from ..model_folder import ModelFolder

FILE_NAME = "examples.json"


class Examples(msgspec.Struct, frozen=True):
    """The inputs of rows, as a caller sends them in JSON."""

    rows: Sequence[dict[str, Any]]

    def write(self, folder: ModelFolder) -> None:
        """Write them into a model folder."""
        (folder.path / FILE_NAME).write_bytes(
            msgspec.json.format(msgspec.json.encode(self)) + b"\n"
        )

    @classmethod
    def read(cls, folder: ModelFolder) -> "Examples":
        """Those of a model folder; raises ValueError when it holds none."""
        path = folder.path / FILE_NAME
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except FileNotFoundError:
            raise ValueError(f"{path} is missing: run `make train` again") from None
        except msgspec.DecodeError as error:
            raise ValueError(f"{path} holds no example rows: {error}") from error
