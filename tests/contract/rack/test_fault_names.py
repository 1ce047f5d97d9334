"""The names of `seedvm rack`: a machine that is not there is said to be none, and a fault that lasts stands beside its machine."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from seedvm.cli import main
from seedvm.rack import injected
from seedvm.rack.injected import Injected
from seedvm.rack.model import RackSpec, load_rack
from tests.contract.rack.test_faults import RACK

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a rack's run folder is root's")


@pytest.fixture
def spec(tmp_path: Path) -> Iterator[RackSpec]:
    """A rack that was never started."""
    path = tmp_path / "rack.yaml"
    text = RACK.format(protocol="redfish", faults="{}").replace("rack: faulty", f"rack: names-{os.getpid()}")
    path.write_text(text)
    spec = load_rack(path)
    yield spec
    shutil.rmtree(spec.run, ignore_errors=True)


@pytest.mark.parametrize(
    "words", ["fault {} m9 dead-power", "fault {} m9 none", "power {} m9 on", "exec {} m9 -- true"]
)
def test_a_machine_that_is_not_in_the_rack_is_said_to_be_none_with_the_names_that_are(
    spec: RackSpec, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rack", *words.format(f"--file {spec.file}").split()]) == 1
    said = capsys.readouterr().err
    assert "there is no machine 'm9' in the rack" in said and "its machines: m1" in said


def test_a_fault_that_lasts_is_shown_by_status_until_it_ends(
    spec: RackSpec, capsys: pytest.CaptureFixture[str]
) -> None:
    fault = Injected("dead-power", ("m1",), 0.0)
    injected.put(spec, fault)
    assert main(["rack", "status", "--file", str(spec.file)]) == 0
    assert "fault: dead-power" in next(line for line in capsys.readouterr().out.splitlines() if line.startswith("  m1"))
    assert main(["rack", "status", "--json", "--file", str(spec.file)]) == 0
    assert json.loads(capsys.readouterr().out)["machines"]["m1"]["faults"] == ["dead-power"]
    injected.forget(spec, fault)
    assert main(["rack", "status", "--file", str(spec.file)]) == 0
    assert "fault:" not in capsys.readouterr().out
