"""When members are of one mind, and when they are not."""

from __future__ import annotations

from seedvm.controller.galera import GaleraStatus, TableDigest, parse_status
from seedvm.controller.rabbit import parse_running
from seedvm.handoff.compare import Rounds, by_database, differences
from seedvm.handoff.services import changed
from seedvm.handoff.tables import in_common
from seedvm.member.boot import BootAnswers
from seedvm.member.digest import Digest
from seedvm.member.images import StoredImage
from seedvm.member.status import MemberStatus
from seedvm.steps.handoff_fence import still_heard
from seedvm.steps.join import missing_images, missing_of_members, missing_workers


def test_members_that_say_the_same_agree() -> None:
    assert differences({"seed": {"a": "1", "b": "2"}, "node": {"a": "1", "b": "2"}}) == ()


def test_a_value_that_differs_and_one_that_is_missing_are_named_with_their_members() -> None:
    found = differences({"seed": {"a": "1", "b": "2"}, "node": {"a": "9"}})
    assert found == ("a (node: 9, seed: 1)", "b (node: missing, seed: 2)")


def test_an_empty_set_proves_nothing() -> None:
    assert differences({"seed": {}, "node": {}})
    assert differences({"seed": {"a": "1"}, "node": {}}) == ("node has nothing to compare",)
    assert differences({"seed": {"a": "1"}})
    assert differences({})


def test_what_moves_is_asked_for_again_until_all_agree() -> None:
    rounds = Rounds()
    rounds.heard({"seed": {"a": "1", "beats": "7"}, "node": {"a": "1", "beats": "6"}})
    assert (rounds.open, rounds.stuck) == (("beats",), ())
    rounds.heard({"seed": {"beats": "8"}, "node": {"beats": "7"}})
    assert (rounds.open, rounds.stuck) == (("beats",), ())
    rounds.heard({"seed": {"beats": "8"}, "node": {"beats": "8"}})
    assert (rounds.open, rounds.stuck) == ((), ())


def test_what_differs_twice_and_moves_nowhere_is_a_difference() -> None:
    rounds = Rounds()
    said = {"seed": {"a": "1", "beats": "7"}, "node": {"a": "2", "beats": "6"}}
    rounds.heard(said)
    assert rounds.stuck == ()
    rounds.heard({"seed": {"a": "1", "beats": "8"}, "node": {"a": "2", "beats": "7"}})
    assert rounds.stuck == ("a (node: 2, seed: 1)",)
    assert rounds.open == ("a", "beats")


def test_a_member_that_says_nothing_ends_the_rounds() -> None:
    for said in ({"seed": {"a": "1"}, "node": {}}, {"seed": {"a": "1"}}, {}):
        rounds = Rounds()
        rounds.heard(said)
        assert rounds.stuck


def test_a_database_is_summed_up_and_any_change_shows_in_its_hash() -> None:
    tables = [("heat.stack", 2, 11), ("heat.event", 5, 12), ("nova.instances", 3, 13)]
    heat, nova = by_database(tables)
    assert (heat.database, heat.tables, heat.rows, nova.rows) == ("heat", 2, 7, 3)
    other, _ = by_database([("heat.stack", 2, 11), ("heat.event", 5, 99), ("nova.instances", 3, 13)])
    assert other.sha256 != heat.sha256
    assert by_database(reversed(tables) and list(reversed(tables)))[0] == heat


def test_galera_says_who_is_in_and_whether_it_may_be_trusted() -> None:
    said = {
        "wsrep_cluster_size": "4",
        "wsrep_local_state_comment": "Synced",
        "wsrep_cluster_status": "Primary",
        "wsrep_ready": "ON",
        "wsrep_last_committed": "77",
        "wsrep_cluster_state_uuid": "u",
    }
    status = parse_status(said)
    assert status.healthy
    assert (status.cluster_size, status.seqno) == (4, 77)
    assert not parse_status({**said, "wsrep_cluster_status": "non-Primary"}).healthy
    assert not parse_status({**said, "wsrep_local_state_comment": "Joined"}).healthy
    assert parse_status({}).cluster_size == 0


def test_rabbits_running_nodes_are_read() -> None:
    assert parse_running('{"running_nodes": ["rabbit@b", "rabbit@a"], "disk_nodes": []}') == ("a", "b")


def _status(
    size: int = 4, rabbit: tuple[str, ...] = ("n0", "n1", "n2"), uuid: str = "u", heat: str = "up"
) -> MemberStatus:
    galera = GaleraStatus(size, "Synced", "Primary", True, 77, uuid, healthy=True)
    return MemberStatus("h", "1", {}, galera, rabbit, False, {"heat": heat})


NODES = ("n0", "n1", "n2")


def test_whole_members_lack_nothing() -> None:
    said = {name: _status() for name in (*NODES, "seed")}
    assert missing_of_members(said, NODES, "seed") == []


def test_what_a_member_lacks_is_said_of_that_member() -> None:
    said = {name: _status() for name in (*NODES, "seed")}
    said["n1"] = _status(size=3)
    said["n2"] = _status(rabbit=("n2",), heat="HTTP 503")
    found = missing_of_members(said, NODES, "seed")
    assert found == ["n1: Galera Synced, Primary, 3 members", "n2: heat: HTTP 503", "n2: RabbitMQ runs on n2"]


def test_two_clusters_of_the_right_size_are_not_one() -> None:
    said = {name: _status() for name in (*NODES, "seed")} | {"n0": _status(uuid="other")}
    assert missing_of_members(said, NODES, "seed") == ["the members belong to different Galera clusters"]


def test_dead_workers_and_wrong_images_are_named() -> None:
    alive = dict.fromkeys(("ironic-conductor", "nova-conductor", "nova-scheduler"), NODES) | {
        "heat-engine": ("n0", "n2")
    }
    assert missing_workers(alive, NODES) == ["n1: no heat-engine is alive"]
    assert missing_images({}, {}) == ["Glance has no images"]
    held = {"n0": {"i": StoredImage(1, "good")}, "n1": {"i": StoredImage(1, "bad")}, "n2": {}}
    assert missing_images({"i": "good"}, held) == ["n1: image i is damaged", "n2: image i is missing"]


def test_ids_that_changed_went_or_came_are_named() -> None:
    before = {"servers": {"a": "1", "b": "2"}, "images": {"i": "9"}}
    assert changed(before, before) == ()
    assert changed(before, {"servers": {"a": "7", "c": "3"}, "images": {"i": "9"}}) == (
        "servers a",
        "servers b",
        "servers c",
    )


def test_a_fence_with_a_hole_says_where() -> None:
    silent = BootAnswers(("10.0.0.3",), False, ())
    assert still_heard(silent, "10.0.0.1", conductor=False) == []
    loud = BootAnswers(("10.0.0.1",), True, (8089,))
    assert len(still_heard(loud, "10.0.0.1", conductor=True)) == 4


def test_a_table_that_moves_is_agreed_on_where_every_member_had_the_same_rows_at_some_moment() -> None:
    def said(*checksums: int) -> Digest:
        return Digest(1, tuple(TableDigest("ironic.conductors", 4, one) for one in checksums))

    assert in_common({"seed": said(1, 2, 3), "a": said(3, 4), "b": said(2, 3)}) == {
        "ironic.conductors": TableDigest("ironic.conductors", 4, 3)
    }
    assert in_common({"seed": said(1, 2), "a": said(3, 4)}) == {}
    assert in_common({"seed": said(1), "a": Digest(1)}) == {}, "a table that a member lacks"
