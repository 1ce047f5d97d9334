"""`make test` runs its parts beside each other as far as the machine holds them, all of them to the end, and says where the time went."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
from pathlib import Path

import pytest

from seedvm.base import process
from tests.run.figures import Case, Figures, read
from tests.run.parts import PARTS, Part, command
from tests.run.schedule import Ended, Machine, Schedule, fits
from tests.terminal import wait_until

ROOT = Path(__file__).parents[2]
TWO_CORES = Machine(2.0, 8000)
CGROUPS = Path("/sys/fs/cgroup")
LOCK = frozenset({"racks"})


def part(name: str = "one", **needs: object) -> Part:
    return Part(name, words=("true",), **needs)  # type: ignore[arg-type]


def test_a_part_waits_for_cores_memory_and_what_it_comes_after() -> None:
    busy = [part("busy", cores=1.5, memory_mib=6000)]
    assert fits(part(cores=0.5, memory_mib=2000), busy, [], TWO_CORES)
    assert not fits(part(cores=0.6, memory_mib=100), busy, [], TWO_CORES)
    assert not fits(part(cores=0.1, memory_mib=2001), busy, [], TWO_CORES)
    assert not fits(part(after=("images",)), [], [], TWO_CORES)
    assert fits(part(after=("images",)), [], ["images"], TWO_CORES)


def test_a_part_that_yields_takes_what_is_left_and_keeps_no_core_from_the_others() -> None:
    yielding = part("yielding", cores=0.5, weight=10)
    assert fits(part(cores=2), [yielding, yielding], [], TWO_CORES)
    assert fits(part(cores=0.5, weight=10), [part("busy", cores=1), yielding], [], TWO_CORES)
    assert not fits(part(cores=0.6, weight=10), [part("busy", cores=1), yielding], [], TWO_CORES)


def test_a_part_that_is_larger_than_the_machine_runs_alone() -> None:
    assert fits(part(cores=9, memory_mib=99_000), [], [], TWO_CORES)
    assert not fits(part(cores=9), [part("busy", cores=0.1)], [], TWO_CORES)


def test_a_lock_is_held_by_several_or_by_one_alone() -> None:
    shared, alone = part("shared", shared=LOCK, cores=0.1), part("alone", alone=LOCK, cores=0.1)
    assert fits(part(shared=LOCK, cores=0.1), [shared], [], TWO_CORES)
    assert not fits(part(alone=LOCK, cores=0.1), [shared], [], TWO_CORES)
    assert not fits(part(shared=LOCK, cores=0.1), [alone], [], TWO_CORES)
    assert fits(part(cores=0.1), [alone], [], TWO_CORES)


def test_every_part_runs_to_its_end_also_when_another_has_failed(tmp_path: Path) -> None:
    heard: list[str] = []
    parts = [
        Part("bad", words=("sh", "-c", "echo oh no; exit 3"), cores=2),
        Part("good", words=("sh", "-c", "echo fine"), after=("bad",)),
    ]
    ended = Schedule(parts, TWO_CORES, tmp_path, heard.append).run()
    assert [(one.part.name, one.code) for one in ended] == [("bad", 3), ("good", 0)]
    assert (tmp_path / "bad.log").read_text() == "oh no\n"
    assert [line.split(" s  ")[1].split(" after ")[0] for line in heard] == [
        "bad begins",
        "bad ends with code 3",
        "good begins",
        "good ends",
    ]


def test_a_part_whose_predecessor_is_not_asked_for_runs_at_once(tmp_path: Path) -> None:
    ended = Schedule([part(after=("images",))], TWO_CORES, tmp_path, lambda _: None).run()
    assert [one.code for one in ended] == [0]


def test_what_a_part_used_of_the_processors_is_told_with_what_it_started(tmp_path: Path) -> None:
    """Where the host lets us have control groups; nothing is known elsewhere."""
    computes = f"{shlex.quote(sys.executable)} -c 'sum(range(5_000_000))' & wait; sh -c true"
    (ended,) = Schedule([Part("computes", words=("sh", "-c", computes))], TWO_CORES, tmp_path, lambda _: None).run()
    counted = os.geteuid() == 0 and (CGROUPS / "cpuacct/cgroup.procs").exists()
    assert ended.code == 0 and (ended.processor > 0.05 if counted else ended.processor >= 0)
    assert not list(CGROUPS.glob(f"*/seedvm-tests/computes-{os.getpid()}")), "its group is taken away"


INTERRUPTED = """\
import sys
from pathlib import Path
from tests.run.parts import Part
from tests.run.schedule import Machine, Schedule
folder = Path(sys.argv[1])
inner = "import signal\\ntry:\\n  print('ready', flush=True); signal.pause()\\nexcept KeyboardInterrupt:\\n  print('racks are away')"
parts = [Part("long", words=(sys.executable, "-c", inner), cores=2), Part("later", words=("true",), cores=2)]
schedule = Schedule(parts, Machine(2.0, 8000), folder, lambda line: print(line, flush=True))
try:
    schedule.run()
except KeyboardInterrupt:
    print([(one.part.name, one.code) for one in schedule.ended])
"""


def test_ctrl_c_ends_what_runs_waits_for_it_and_begins_nothing_more(tmp_path: Path) -> None:
    words = [sys.executable, "-c", INTERRUPTED, str(tmp_path)]
    child = process.spawn(process.Command(words, cwd=ROOT), log=tmp_path / "all.log")
    try:
        log = tmp_path / "long.log"
        wait_until("the part to begin", lambda: log.exists() and "ready" in log.read_text(), 60)
        os.kill(child.pid, signal.SIGINT)
        child.wait(timeout=60)
    finally:
        process.stop(child)
    assert "racks are away" in log.read_text()
    assert (tmp_path / "all.log").read_text().splitlines()[-1] == "[('long', 0)]"
    assert not (tmp_path / "later.log").exists()


REPORT = """\
<testsuites><testsuite>
<testcase classname="tests.unit.test_a" name="test_good" time="1.5"/>
<testcase classname="tests.unit.test_a" name="test_bad" time="0.5"><failure message="x">trace</failure></testcase>
<testcase classname="tests.unit.test_a" name="test_left" time="0"><skipped message="no module"/></testcase>
<testcase classname="tests.unit.test_a" name="test_good" time="0.25"><error message="y">clean-up</error></testcase>
</testsuite></testsuites>
"""


def test_the_reports_of_pytest_are_counted_and_a_clean_up_that_failed_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "unit.xml").write_text(REPORT)
    assert list(read(tmp_path / "unit.xml", "unit")) == [
        Case("unit: unit.test_a::test_good", 1.75, "failed"),
        Case("unit: unit.test_a::test_bad", 0.5, "failed"),
        Case("unit: unit.test_a::test_left", 0.0, "skipped", "no module"),
    ]
    (tmp_path / "unit.xml").write_text(REPORT[:90])
    assert list(read(tmp_path / "unit.xml", "unit")) == []


def test_the_last_line_has_the_counts_alone_and_the_account_names_tests_and_parts(tmp_path: Path) -> None:
    cases = [Case(f"a: unit.test_a::test_{number}", float(number), "passed") for number in range(25)]
    ended = [Ended(part("a"), 0, 0.0, 40.0, 12.0), Ended(part("crashed"), 2, 10.0, 20.0, 1.0)]
    figures = Figures(cases, ended, 50.0)
    lines = figures.lines()
    assert lines[0] == "the slowest 20 tests:"
    assert [line.rpartition("_")[2] for line in lines[1:21]] == [str(number) for number in range(24, 4, -1)]
    assert "  a                40 s   80%" in "\n".join(lines)
    assert lines[-1] == "25 passed, 1 failed", "a part that failed without a failed test counts"
    figures.write(tmp_path / "figures.json")
    written = json.loads((tmp_path / "figures.json").read_text())
    assert (written["passed"], written["failed"], written["parts"]["a"]["processor_seconds"]) == (25, 1, 12.0)


def test_every_test_file_belongs_to_exactly_one_part() -> None:
    """What is given to pytest of each part, less what it is told to ignore, are all files of tests, once each."""
    found: list[Path] = []
    for one in PARTS:
        names = [word for word in one.tests if not word.startswith("--ignore=")]
        ignored = [ROOT / word.removeprefix("--ignore=") for word in one.tests if word.startswith("--ignore=")]
        for name in names:
            path = ROOT / name
            files = [path] if path.is_file() else list(path.rglob("test_*.py"))
            assert files, f"{one.name}: {name} holds no test"
            found += [file for file in files if not any(file == away or away in file.parents for away in ignored)]
    assert sorted(found) == sorted((ROOT / "tests").rglob("test_*.py"))


@pytest.mark.parametrize("one", PARTS, ids=lambda one: one.name)
def test_what_a_part_comes_after_is_there_and_before_it(one: Part) -> None:
    names = [other.name for other in PARTS]
    assert all(names.index(before) < names.index(one.name) for before in one.after)
    assert (one.words or one.tests) and command(one, "report.xml")
