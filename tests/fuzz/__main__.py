"""Fuzzes every target with atheris (libFuzzer) for SECONDS in all: `python -m tests.fuzz --seconds 60 [--seed N] [--only NAME]`.

Coverage guides it. An exception that is no refusal, 5 s for one input, or 512 MiB of memory end it with a failure: the input is
written to build/fuzz/ and the command that repeats it is printed. No failure: exit code 0 and how much was tried.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

import atheris

BUILD = Path(__file__).parents[2] / "build" / "fuzz"
SECONDS_OF_ONE_INPUT = 5
MEMORY_MIB = 512
MOST_BYTES = 8192

with atheris.instrument_imports(include=["seedvm"]):
    importlib.import_module("tests.fuzz.targets")

from tests.fuzz.corpus import seeds  # noqa: E402
from tests.fuzz.targets import Chain, all_targets, entrances  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0, help="where chance begins (0: anywhere)")
    parser.add_argument("--only", default="", help="targets with this in their name")
    parser.add_argument("--repeat", type=Path, help="run one input that failed")
    options = parser.parse_args()
    targets = [one for one in entrances() if options.only in one.name]
    chain = Chain(all_targets())

    def one_input(data: bytes) -> None:
        """The first byte chooses the target."""
        if data:
            chain.run(targets[data[0] % len(targets)], data[1:])

    if options.repeat:
        data = options.repeat.read_bytes()
        print(f"{targets[data[0] % len(targets)].name} gets {data[1:]!r}")
        one_input(data)
        return
    corpus = BUILD / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, target in enumerate(targets):
        for at, seed in enumerate(seeds(target.name)):
            (corpus / f"{target.name}-{at}").write_bytes(bytes((number,)) + seed)
    print(f"fuzzing {len(targets)} parsers for {options.seconds} s; a failure is repeated by")
    print(
        f"  python -m tests.fuzz {f'--only {options.only} ' if options.only else ''}--repeat build/fuzz/FILE",
        flush=True,
    )
    limits = [
        f"-max_total_time={options.seconds}",
        f"-seed={options.seed}",
        f"-timeout={SECONDS_OF_ONE_INPUT}",
        f"-rss_limit_mb={MEMORY_MIB}",
        f"-max_len={MOST_BYTES}",
        f"-artifact_prefix={BUILD}/",
        "-print_final_stats=1",
        "-verbosity=0",
    ]
    atheris.Setup([sys.argv[0], *limits, str(corpus)], one_input)
    atheris.Fuzz()


main()
