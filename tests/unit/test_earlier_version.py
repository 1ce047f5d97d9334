"""A state folder that the version before (commit 6b507ab) left in the middle of the hand-off is taken up without loss.

tests/recorded/demo was written by that version's engine; what a finished deployment has no longer, its code wrote into
tests/recorded/midway: a scan half done, the consent, two orders, accounts, a password that was being changed, the hand-off's notes.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from seedvm.cli import main
from seedvm.engine.events import Log
from seedvm.engine.journal import JOURNAL, Journal
from seedvm.engine.reducer import read_state
from seedvm.engine.report import make_report
from seedvm.engine.step import Context
from seedvm.handoff import record
from seedvm.machines import inventory
from seedvm.machines.listing import read_machines
from seedvm.plan import build_plan
from seedvm.scan.state import ScanProgress
from seedvm.site import orders
from seedvm.site.load import load_site
from seedvm.site.secrets_file import draft_secrets, load_candidates, load_proven, load_rotations
from tui.state.watcher import FolderWatch

RECORDED = Path(__file__).parents[1] / "recorded"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder at the moment in which an engine was killed in FENCE, in the middle of a line."""
    state = tmp_path / "state"
    shutil.copytree(RECORDED / "midway", state)
    (state / "secrets.yaml").chmod(0o600)
    for name in ("site.yaml", "inventory.json", "review.json"):
        shutil.copy(RECORDED / "demo" / name, state / name)
    lines = (RECORDED / "demo" / JOURNAL).read_text().splitlines(keepends=True)
    end = next(number for number, line in enumerate(lines) if '"phase":"FENCE","state":"started"' in line)
    (state / JOURNAL).write_text("".join(lines[: end + 1]) + lines[end + 1][:40])
    return state


def test_status_tells_each_step_machine_and_phase(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--json", "--state-dir", str(folder)]) == 1  # it was killed
    told = json.loads(capsys.readouterr().out)
    states = {step["name"]: step["state"] for step in told["steps"]}
    assert told["site"] == "demo" and told["verdict"] == "killed"
    assert (states["deploy"], states["handoff-compare"], states["handoff-fence"]) == ("done", "done", "working")
    assert {step["stage"] for step in told["steps"]} >= {
        "preflight",
        "seed",
        "discover",
        "deploy",
        "join",
        "handoff",
        "leave",
    }
    assert told["nodes"]["demo-undercloud-0"].startswith("joined")
    assert told["unknown"] == {} and told["damaged"] == []
    state = read_state(folder)
    lines = [line for line in (folder / JOURNAL).read_text().splitlines()[:-1] if '"event":"log"' in line]
    assert {json.loads(line)["message"] for line in lines} <= {line.message for line in state.log}


def test_the_report_counts_the_seconds_of_the_stages_so_far(folder: Path) -> None:
    figures = make_report(folder).figures
    stages = figures["stretches"]
    assert isinstance(stages, dict)
    assert figures["verdict"] == "unfinished" and stages["deploy"] > 60 and stages["leave"] == 0


def test_the_next_engine_writes_on_and_names_the_torn_line(folder: Path) -> None:
    before = read_state(folder)
    Journal(folder / JOURNAL, "demo", "r9").append(Log("again"))
    after = read_state(folder)
    assert after.events == before.events + 1
    assert [text.split(" is damaged")[0] for text in after.damaged] == [f"line {before.events + 1} of the journal"]


def test_the_plan_of_the_whole_road_is_built(folder: Path) -> None:
    site = load_site(folder / "site.yaml")
    secrets = draft_secrets(folder / "secrets.yaml")
    steps = build_plan(Context(site, secrets, folder, folder / "images"))
    planned = {step.name for step in read_state(folder).steps}
    assert planned <= {step.name for step in steps}
    assert "settle-passwords" in {step.name for step in steps}


def test_accounts_and_the_password_that_was_being_changed_are_there(folder: Path) -> None:
    secrets = folder / "secrets.yaml"
    assert [one.user for one in load_candidates(secrets)] == ["admin", "root"]
    assert load_proven(secrets)["172.22.1.21"].password.reveal() == "not-a-password-1"
    rotation = load_rotations(secrets)["172.22.1.22"]
    assert (rotation.new.reveal(), rotation.sent) == ("not-a-password-3", True)


def test_the_scan_goes_on_where_it_was(folder: Path) -> None:
    progress = ScanProgress(folder, ["172.22.1.21-172.22.1.27", "172.22.1.40-172.22.1.60"])
    assert progress.resumed and len(progress.done()) == 7
    assert set(progress.bmcs) == {"172.22.1.21", "172.22.1.22"}


def test_orders_wait_for_the_deploy_step(folder: Path) -> None:
    assert list(map(str, orders.pending(folder, "demo"))) == [
        "replace demo-undercloud-1 with 172.22.1.27 (serial SV00000007), disk /dev/loop4 serial SV00000007",
        "retry demo-undercloud-2",
    ]


def test_machines_are_listed_with_what_inspection_found(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(inventory.load(folder).machines) == len(read_machines(folder)) == 7
    assert main(["machines", "--state-dir", str(folder)]) == 0
    told = capsys.readouterr().out
    assert "WIPE /dev/loop5 20 GiB, serial SV00000002, holds nothing" in told
    assert "switch demo-switch port port-m1" in told


def test_the_handoffs_notes_are_understood(folder: Path) -> None:
    notes = record.load(folder)
    assert notes.compared is not None and (notes.compared.tables, notes.compared.rows) == (504, 1194)
    assert notes.quiesced is not None and notes.committed is None and notes.watch is not None


def test_the_wizard_shows_the_folder_and_finds_the_consent_whole(folder: Path) -> None:
    view, fresh = FolderWatch(folder).look()
    assert fresh and view.notice == "" and view.lacks == () and view.has_site
    assert view.state == read_state(folder)
    assert len(view.inventory) == 7 and view.review is not None and view.confirmed
    assert set(view.orders) == {"demo-undercloud-1", "demo-undercloud-2"}
