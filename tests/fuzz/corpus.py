"""The seeds: tests/fuzz/seeds/PATTERN/*, real packets and files. A target gets those of each PATTERN that is in its name.

`python -m tests.fuzz.corpus` writes the seeds that the datacenter's emulators and the standards' layouts give (no file by hand).
"""

from __future__ import annotations

from pathlib import Path

HOME = Path(__file__).with_name("seeds")


def seeds(target: str) -> list[bytes]:
    """The seeds of one target, in the order of their names."""
    folders = [one for one in sorted(HOME.iterdir()) if one.name in target]
    return [file.read_bytes() for folder in folders for file in sorted(folder.iterdir())]


def _write(pattern: str, name: str, data: bytes) -> None:
    folder = HOME / pattern
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def main() -> None:
    from tests.fuzz.make_seeds import made

    for pattern, name, data in made():
        _write(pattern, name, data)


if __name__ == "__main__":
    main()
