"""What the rack's switch says is LLDP as our listener reads it."""

from __future__ import annotations

from seedvm.rack.sandbox.switch import lldp_frame
from seedvm.wire.ether import LLDP, Lldp, parse_frame, parse_lldp


def test_the_switch_names_itself_and_the_port() -> None:
    frame = parse_frame(lldp_frame(bytes.fromhex("5254005eed01"), "port-m1", "demo-switch"))
    assert frame.kind == LLDP
    assert parse_lldp(frame.payload) == Lldp("52:54:00:5e:ed:01", "port-m1", system="demo-switch")
