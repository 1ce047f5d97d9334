"""What may come of a request to a Redfish service instead of an answer: refusals told apart, each with its cure."""

from __future__ import annotations

from seedvm.base.errors import SeedvmError
from seedvm.transport.errors import TransportError


class Unauthorized(SeedvmError):
    """The account was refused. `locked_seconds` > 0 when the service says that it is locked, and for how long."""

    def __init__(self, address: str, user: str, locked_seconds: float = 0.0) -> None:
        why = "the service reports that the account is locked" if locked_seconds else "wrong user or password"
        hint = "wait until the lock is over" if locked_seconds else "add the correct password to the candidates"
        super().__init__(f"Redfish refused user {user}", machine=address, why=why, hint=hint)
        self.locked_seconds = locked_seconds


class SessionRefused(Unauthorized):
    """The session service refused the account; HTTP basic was not tried, because that might be a second failed login."""

    def __init__(self, address: str, user: str, status: int) -> None:
        super().__init__(address, user)
        self.what = f"the session service refused user {user} (HTTP {status}); Basic was not tried"
        self.why = ""


class PasswordChangeRequired(SeedvmError):
    """The account is right but may do nothing before its password is changed. `account` is its resource, "" where it is not known."""

    def __init__(self, address: str, user: str, account: str = "", said: str = "") -> None:
        super().__init__(
            f"the password of {user} has expired",
            machine=address,
            why=said or "Redfish reports PasswordChangeRequired",
            hint=f"run seedvm bmc rotate {address}, or set a new password in the BMC's web interface and add it to the candidates",
        )
        self.account = account


class RedfishUnreachable(SeedvmError):
    """The connection was refused, ignored or closed before an answer: the one kind of failure that may be a block."""

    def __init__(self, address: str, command: str, error: TransportError) -> None:
        why = ": ".join(one for one in (error.what, error.why) if one)
        why = why if command in why else f"{command}: {why}"
        super().__init__("Redfish does not answer", machine=address, why=why, hint=error.hint)
        self.answer_lost = error.answer_lost


class Busy(SeedvmError):
    """The service asks to come back later; it has judged nothing. `seconds` as it says, a minute where it does not."""

    def __init__(self, address: str, status: int, seconds: float) -> None:
        super().__init__("Redfish is busy", machine=address, why=f"HTTP {status}", hint=f"retry in {seconds:.0f} s")
        self.seconds = seconds


class NoJson(SeedvmError):
    """A resource was answered, and its body cannot be read."""

    def __init__(self, address: str, path: str, why: str) -> None:
        hint = "update the BMC's firmware; reset the BMC if this continues"
        super().__init__(f"Redfish answers no JSON at {path}", machine=address, why=why, hint=hint)


class NoMembers(SeedvmError):
    """A list was answered that has no members to be read: it is not an empty one."""

    def __init__(self, address: str, path: str, why: str) -> None:
        hint = "update the BMC's firmware; reset the BMC if this continues"
        super().__init__(f"Redfish answers no list at {path}", machine=address, why=why, hint=hint)


class SeveralSystems(SeedvmError):
    """The service stands for several machines, or for none: which one would be written?"""

    def __init__(self, address: str, count: int) -> None:
        if count == 1:
            why = "its list has one entry, without a reference to the system"
            hint = "update the BMC's firmware; reset the BMC if this continues"
        elif count:
            why = "only one machine per BMC is supported"
            hint = "exclude the machine, or give each system a BMC address of its own: Redfish does not say which one is meant"
        else:
            why = "the BMC has not listed its system, or does not show it to this account"
            hint = "give the account the Administrator privilege; power the machine on once, then run again"
        super().__init__(
            f"Redfish shows {count} system{'' if count == 1 else 's'}", machine=address, why=why, hint=hint
        )
