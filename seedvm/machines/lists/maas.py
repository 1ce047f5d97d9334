"""Machines as MAAS prints them: `maas PROFILE machines read`, one machine, and the list of its interface."""

from __future__ import annotations

from seedvm.machines.lists.node import row_of
from seedvm.machines.lists.rows import Notebook, Row
from seedvm.machines.lists.tree import Value

FORM = "machines of MAAS"
_LACKS = (
    "the BMC address is missing: `maas PROFILE machines read` does not contain it; add the answer of"
    " `maas PROFILE machine power-parameters SYSTEM_ID` to each machine as power_parameters"
)
_BY_HAND = ("manual", "")


def read_maas(root: Value, notes: Notebook) -> tuple[str, list[Row]] | None:
    """The rows; None where these are not MAAS's machines."""
    inside = root.get("machines") or root.get("results") or root
    machines = list(inside.mappings()) if inside.elements is not None else [root] if inside is root else []
    if not machines or not any(_is_machine(one) for one in machines):
        return None
    rows = []
    for one in machines:
        power = one.get("power_type")
        row = row_of(one, notes, plain_ip=False, lacks=_LACKS)
        if power is None or (power.text or "").strip().lower() in _BY_HAND:
            row.lacks_address = (
                "the BMC address is missing: MAAS does not switch this machine's power (power_type is manual or empty)"
            )
        rows.append(row)
    return FORM, rows


def _is_machine(value: Value) -> bool:
    keys = {key.lower() for key, _ in value.items or ()}
    return "driver" not in keys and bool(keys & {"power_type", "system_id"}) and bool(keys & {"hostname", "fqdn"})
