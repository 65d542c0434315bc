"""The folder that training leaves behind and serving starts from."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .signature import Signature


class ModelFolder:
    """The names of the files in a model folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.model = path / "model.onnx"
        self.signature = path / "signature.json"
        self.reference = path / "reference.json"
        self.metrics = path / "metrics.json"
        self.training = path / "training.json"
        self.card = path / "MODEL_CARD.md"
        self.plots = path / "plots"

    def read_signature(self) -> Signature:
        """The model's signature; raises FileNotFoundError when nothing was trained here."""
        if not self.signature.exists():
            raise FileNotFoundError(f"{self.path} holds no model: run `make train` first")
        return Signature.read(self.signature)


@contextmanager
def replacing(path: Path) -> Iterator[ModelFolder]:
    """A new model folder beside `path` that takes its place when the block ends well.

    When the block fails or is interrupted, whatever stood at `path` stands there untouched.
    Raises ValueError when `path` holds something that is no model.
    """
    path = path.absolute()
    if path.exists() and not path.is_dir():
        raise ValueError(f"{path} is a file, not a folder for a model")
    if path.exists() and any(path.iterdir()) and not ModelFolder(path).signature.exists():
        raise ValueError(f"{path} holds files that are no model: choose another folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as scratch:
        new = ModelFolder(Path(scratch) / "new")
        new.plots.mkdir(parents=True)
        yield new
        old = Path(scratch) / "old"
        try:
            if path.exists():
                path.rename(old)
            new.path.rename(path)
        except BaseException:
            if old.exists() and not path.exists():
                old.rename(path)
            raise


def write_atomically(path: Path, content: bytes) -> None:
    """Replace the file at `path` so that a reader sees the old content or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink()
        raise
