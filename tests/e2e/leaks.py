"""Looks for the secrets of a run wherever somebody might have written one: logs, journals, reports, of host, seed and nodes.

It refuses to put a secret on a command line: patterns travel in a file for root alone, or on standard input.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from seedvm.base import process
from tests.e2e.world import World

SHORTEST = 8


def secrets_of(world: World) -> list[str]:
    """Every secret of the run: the BMCs' passwords from the rack's own file, the site's from the undercloud that owns them."""
    rack = yaml.safe_load((world.demo / "rack.yaml").read_text())
    found = {machine["bmc"]["password"] for machine in rack["machines"]}
    node = next(iter(world.undercloud().values()))
    found.update(_leaves(yaml.safe_load(world.kept(node)["secrets.yaml"])))
    return sorted(found)


def _leaves(tree: Any, name: str = "") -> Iterator[str]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from _leaves(value, str(key))
    elif isinstance(tree, list):
        for value in tree:
            yield from _leaves(value, name)
    elif isinstance(tree, str) and len(tree) >= SHORTEST and not re.search("public|user|index", name):
        yield from (line for line in tree.splitlines() if len(line) >= SHORTEST and not line.startswith("-----"))


def leaks(world: World, secrets: list[str], patterns: Path) -> list[str]:
    """Where any of ``secrets`` stands that it should not: file names and journals, never the secret itself."""
    patterns.touch(mode=0o600)
    patterns.write_text("\n".join(secrets) + "\n")
    found = []
    for folder in (world.repo / "build" / "rack" / "demo", world.state):
        words: list[str | Path] = [
            "grep",
            "-rlaF",
            "-f",
            patterns,
            "--include=*.log",
            "--include=*.json*",
            "--include=*.txt",
            "--include=*.html",
            folder,
        ]
        found += process.run(words, timeout=120, check=False).stdout.split()
    for machine in world.undercloud().values():
        found += [f"{machine}:{place}" for place in _on_machine(world, machine, "\n".join(secrets))]
    return [place for place in found if not place.endswith("/clouds.yaml")]


def _on_machine(world: World, machine: str, patterns: str) -> list[str]:
    script = (
        "umask 077; t=$(mktemp); cat >$t; grep -rlaF -f $t /var/log --include=*.log --include=*.txt;"
        " journalctl --no-pager -o cat | grep -qaF -f $t && echo journal; rm $t"
    )
    words = ("rack", "exec", "--file", "build/demo/rack.yaml", machine, "--", "sh", "-c", script)
    return process.run(
        process.Command([*world.command, *words], cwd=world.repo), timeout=120, input=patterns, check=False
    ).stdout.split()
