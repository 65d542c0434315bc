"""One generated service in memory."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hooks.space import Combination


@dataclass(frozen=True)
class Service:
    """What was chosen, and every file that came of it."""

    chosen: Combination
    files: Mapping[str, bytes]
    """Content by path, relative to the service's root; the answers file is among them."""

    def write(self, folder: Path) -> None:
        """Write every file below `folder`."""
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
