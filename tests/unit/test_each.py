"""What one machine of many makes us raise is its remark; what ends the work ends it."""

from __future__ import annotations

import asyncio

import pytest

from seedvm.base.errors import SeedvmError
from seedvm.machines.each import OURS, MachineRemark, each


class PanicException(BaseException):
    """As a library in Rust raises it: no Exception."""


def nested() -> BaseException:
    return BaseExceptionGroup("tasks", [BaseExceptionGroup("tasks", [PanicException("index out of range")])])


RAISED = {
    "KeyError": (KeyError("PowerState"), "unexpected error: KeyError: 'PowerState'"),
    "RecursionError": (RecursionError("too deep"), "unexpected error: RecursionError: too deep"),
    "UnicodeError": (UnicodeDecodeError("ascii", b"\xff", 0, 1, "no"), "unexpected error: UnicodeDecodeError"),
    "MemoryError": (MemoryError(), "unexpected error: MemoryError"),
    "a panic": (PanicException("byte index 3"), "unexpected error: PanicException: byte index 3"),
    "a panic in a group": (nested(), "unexpected error: PanicException: index out of range"),
}


@pytest.mark.parametrize(("raised", "reason"), RAISED.values(), ids=RAISED)
async def test_whatever_one_machine_raises_is_its_remark(raised: BaseException, reason: str) -> None:
    done, fallen = await worked(raised)
    assert done == ["m1", "m3"]
    assert fallen["m2"].reason.startswith(reason) and fallen["m2"].cure == OURS


async def test_an_expected_error_keeps_its_cure() -> None:
    _, fallen = await worked(SeedvmError("no answer", why="silence", hint="reset the BMC"))
    assert fallen == {"m2": MachineRemark("no answer: silence", "reset the BMC")}


@pytest.mark.parametrize("raised", [KeyboardInterrupt(), SystemExit(1)])
def test_the_end_of_the_program_passes(raised: BaseException) -> None:
    with pytest.raises(type(raised)):
        asyncio.run(worked(raised))


async def worked(raised: BaseException) -> tuple[list[str], dict[str, MachineRemark]]:
    done: list[str] = []
    fallen: dict[str, MachineRemark] = {}

    async def work(machine: str) -> None:
        if machine == "m2":
            raise raised
        done.append(machine)

    async def fell(machine: str, remark: MachineRemark) -> None:
        fallen[machine] = remark

    await each(("m1", "m2", "m3"), work, fell, where="test")
    return done, fallen
