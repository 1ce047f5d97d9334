"""Decision records have one form and are all in the index."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.rules.test_linters import ROOT

FOLDER = ROOT / "docs/decisions"
RECORDS = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")
HEAD = re.compile(r"# (\d{4}): [A-Z].+\n\nDate: \d{4}-\d{2}\. Status: (accepted|replaced by \d{4})\.\n\n")


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.name)
def test_a_record_has_number_title_date_status_and_the_decision(path: Path) -> None:
    text = path.read_text()
    head = HEAD.match(text)
    assert head and path.name.startswith(f"{head[1]}-")
    assert text.count("\n## Decision\n") == 1


def test_the_index_lists_every_record_by_its_title() -> None:
    index = (FOLDER / "README.md").read_text()
    for path in RECORDS:
        title = path.read_text().split("\n", 1)[0].split(": ", 1)[1]
        assert f"| [{path.name[:4]}]({path.name}) | {title} |" in index
