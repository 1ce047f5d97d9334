"""The support bundle holds what helps and no secret."""

from __future__ import annotations

import tarfile
from pathlib import Path

from seedvm.base.secret import Secret
from seedvm.site.accounts import Candidate
from seedvm.site.secrets_file import ensure_generated, store_candidates
from tests.tui.helpers import grid, journal_line, loaded, state_dir, until, wizard
from tui.backend.engine import EngineClient
from tui.backend.support_bundle import gather, secrets_in


def contents(path: Path) -> dict[str, str]:
    with tarfile.open(path) as tar:
        return {
            member.name.partition("/")[2]: (tar.extractfile(member) or open("/dev/null", "rb")).read().decode()
            for member in tar
        }


async def test_a_bundle_holds_journal_site_and_network_and_none_of_the_secrets(tmp_path: Path) -> None:
    folder = state_dir(tmp_path, review=True, receipt=True)
    secrets = folder / "secrets.yaml"
    store_candidates(secrets, (Candidate("admin", Secret("Tr0ub4dor&3")), Candidate("root", Secret("abc"))))
    everything = ensure_generated(secrets).every()
    (folder / "clouds.yaml").write_text("never taken")
    (folder / "trace.jsonl").write_text(f'{{"kind": "process", "argv": ["echo", "{everything[0].reveal()}"]}}\n')
    with (folder / "journal.jsonl").open("a") as journal:
        for number, secret in enumerate(everything):
            journal.write(journal_line(1000 + number, "log", message=f"leaked {secret.reveal()} here") + "\n")
    path = await EngineClient(folder).bundle()
    assert path.stat().st_mode & 0o777 == 0o600
    held = contents(path)
    assert {"journal.jsonl", "trace.jsonl", "site.yaml", "versions.txt", "network-addresses.txt"} <= set(held)
    assert not {"secrets.yaml", "clouds.yaml"} & set(held)
    whole = "\n".join(held.values())
    for secret in everything:
        for line in secret.reveal().splitlines():
            assert line.startswith("-----") or line not in whole.replace("leaked abc", "") or len(line) < 6
    assert "leaked **** here" in whole and "leaked abc here" not in whole


def test_every_text_of_the_secrets_file_is_a_secret_wherever_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "secrets.yaml"
    path.write_text(
        "bmc_candidates: [{user: admin, password: one}]\nper_bmc: {10.0.0.1: [{user: root, password: 1234}]}\nnew: [two]\n"
    )
    assert {secret.reveal() for secret in secrets_in(path)} == {"one", "1234", "two"}
    assert secrets_in(tmp_path / "none.yaml") == ()


async def test_service_logs_come_with_their_ends(tmp_path: Path) -> None:
    (tmp_path / "log" / "keystone").mkdir(parents=True)
    (tmp_path / "log" / "keystone" / "keystone.log").write_text("old\n" * 200_000 + "the end\n")
    texts = await gather(state_dir(tmp_path / "state"), tmp_path / "log")
    log = texts["services/keystone/keystone.log"]
    assert log.endswith("the end\n") and len(log) == 512 * 1024
    assert {"packages.txt", "units.txt", "system-journal.txt", "network-sockets.txt"} <= set(texts)


async def test_one_key_writes_it_and_says_where(tmp_path: Path) -> None:
    app = wizard(state_dir(tmp_path))
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await loaded(pilot)
        app.go("progress")
        await until(pilot, lambda: "Log of all machines" in grid(app), "the page")
        await pilot.press("b")
        await until(pilot, lambda: "Support bundle" in grid(app), "the note")
        assert list(tmp_path.glob("seedvm-bundle-*.tar.gz"))
