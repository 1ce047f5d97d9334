"""What a column or key is called, as a meaning: the same words in CSV, spreadsheets, Ironic, MAAS and Ansible.

`_`, `-`, space and case are equal, and glued words are taken apart ("bmcip"). A name that says that it is the BMC's is `strong`; a plain
"ip" or "password" is not. A name with a known meaning that is not used has its reason here, so that it is never passed by in silence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache


class MachineField(Enum):
    """What of a machine is taken from a list."""

    ADDRESS = "the BMC's address"
    USER = "the BMC's user"
    PASSWORD = "the BMC's password"
    DRIVER = "the driver"
    NAME = "the machine's name"
    MAC = "MAC addresses"
    BOOT_MAC = "the boot MAC"
    PORT = "the BMC's port"
    SYSTEM = "the system behind the BMC"
    BRIDGING = "IPMI bridging"
    PXE = "whether the NIC boots"
    RACK = "the rack"
    UNIT = "the rack unit"
    HEIGHT = "the height in rack units"


@dataclass(frozen=True)
class Meaning:
    """`field` is None where it is not used: `why` is the reason, or empty for a name that is not known."""

    field: MachineField | None
    strong: bool = False
    why: str = ""
    family: str = ""
    of_bmc: bool = False


def _of(words: str) -> frozenset[str]:
    return frozenset(words.split())


UNKNOWN = Meaning(None)
ACCEPTED = "BMC IP, bmc_address, IPMI address, iDRAC IP, iLO IP, OOB IP, mgmt IP, address, ip"
_BMC = _of(
    "bmc ipmi idrac drac ilo irmc oob mgmt mgt mgmnt management cimc xcc imm rac lom rmm ibmc redfish pm power console remote"
)
_NOT_ALONE = {"power", "pm", "remote", "redfish", "management", "mgmt", "mgt", "mgmnt"}
_ADDRESS = _of("ip ips addr address adresse ipaddress ipaddr ipv4 ipv6 url uri endpoint")
_USER = _of("user username login account userid benutzer benutzername")
_PASSWORD = _of("password pass passwd pwd pw passwort kennwort passphrase")
_MAC = _of("mac macs macaddress macaddresses macaddr hwaddr hwaddress")
_BOOT = _of("pxe boot provisioning provision deploy deployment")
_NAMES = (
    "inventory host name",
    *("name", "host name", "node name", "server name", "machine name", "system name", "computer name"),
    *("host", "node", "server", "machine", "fqdn"),
)
_POSITION = "of a position the rack and the unit are used"
_SERIAL = "the serial number is read from the machine itself"
_HARDWARE = "the inspection measures the hardware itself"
_ROLE = "roles are set in site.yaml"
_HOST_IP = "it is the host's own address, not its BMC's"
_HOST_LOGIN = "it is the host's own login, not its BMC's"
_NETWORK = "network settings of a BMC or a switch are not used"
_OPTION = "the login chooses this itself"
_IMAGES = "images and settings of another deployment are not used"
_UNUSED = {
    _POSITION: "rack u unit ru position location slot row aisle cage site datacenter dc bay blade height cabinet",
    _SERIAL: "serial sn tag asset",
    _HARDWARE: "arch architecture cpu cpus cores memory mem ram disk disks storage properties processor vcpus gpu",
    _ROLE: "capabilities profile role roles resource traits flavor zone pool tags class group groups",
    _NETWORK: "netmask gateway subnet vlan dns mask switch link connection physical bond portgroup",
    _OPTION: "cipher priv privilege level protocol version verify ca auth cacert terminal timeout prefix transit"
    " suite force persistent workaround",
    _IMAGES: "kernel ramdisk image iso rescue instance deploy",
    _HOST_LOGIN: "ansible become sudo",
}
_WHY = {word: why for why, words in _UNUSED.items() for word in words.split()} | {"room": _POSITION}
_EXACT = {
    "uuid": "the machine gets a new id",
    "id": "the machine gets a new id",
    "ansible host": _HOST_IP,
    "ipmi hex kg key": "Kg keys are not supported: a BMC that requires one refuses the login",
    "power driver": _OPTION,
    "power boot type": _OPTION,
    "ipmi local address": _OPTION,
    "local gb": _HARDWARE,
    "k g": "Kg keys are not supported: a BMC that requires one refuses the login",
    "root device": "the inspection lists the disks, and the review names the one that is written",
    "driver internal info": _IMAGES,
    "instance info": _IMAGES,
    "capacity": _HARDWARE,
    "service tag": _SERIAL,
    "model": "the machine itself reports it",
    "vendor": "the machine itself reports it",
    "manufacturer": "the machine itself reports it",
    "maintenance": "it is the state in another deployment",
    "provision state": "it is the state in another deployment",
    "provisioning state": "it is the state in another deployment",
    "power state": "it is read from the BMC itself",
    "node id": "the BMC's own system is used",
    "chassis uuid": _POSITION,
}
_HOST_ACCOUNT = _of("ssh ansible become sudo os root")
_OF_HOST = _of(
    "host os server node public private internal external data storage service floating primary provisioning pxe"
)
_BESIDES = _of(
    "static default lan network eth ethernet dedicated shared primary main reserved assigned interface nic card controller no nr of the"
)
_RACKS = _of("rack racks cabinet rackname rackid")
_UNITS = _of("u ru units unit position pos slot location uposition")
_PLACE_BESIDES = _of(
    "location loc position pos placement physical device name id no nr number label start bottom first offset in of the"
)
_FILLERS = _of("baremetal ironic")  # before the names of some roles of Ansible
_PHRASES = re.compile(
    r"lights[ _-]out([ _-]management)?|out[ _-]of[ _-]band([ _-]management)?|service[ _-]processor"
    r"|baseboard[ _-]management[ _-]controller",
    re.IGNORECASE,
)
_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")
_GLUED = sorted(
    _BMC
    | _ADDRESS
    | _USER
    | _PASSWORD
    | _MAC
    | _BOOT
    | _of("type port name host node server service number num tag rack unit serial main"),
    key=len,
    reverse=True,
)


@lru_cache(maxsize=4096)
def meaning(name: str) -> Meaning:
    """What a column or key of this name holds."""
    words = _words(name)
    joined = " ".join(words)
    if joined in ("pxe enabled", "pxe"):
        return Meaning(MachineField.PXE)
    if joined in _EXACT:
        return Meaning(None, why=_EXACT[joined])
    if joined in _NAMES:
        return Meaning(MachineField.NAME)
    bmc = [word for word in words if word in _BMC]
    rest = {word for word in words if word not in _BMC and not word.isdigit()}
    found = _login(bmc, rest) or _place(bmc, rest) or (None if bmc else _position(words))
    if found:
        return found
    why = next((_WHY[word] for word in words if word in _WHY), "")
    return Meaning(None, why=why, of_bmc=bool(set(bmc) - _NOT_ALONE - {"console", "rac"}))


def rank(name: str) -> int:
    """Which of several names of a machine comes first: the lower."""
    joined = " ".join(_words(name))
    return _NAMES.index(joined) if joined in _NAMES else len(_NAMES)


def _login(bmc: list[str], rest: set[str]) -> Meaning | None:
    """User, password, driver, port and system."""
    strong, family = bool(bmc), bmc[0] if bmc else ""
    if rest & _HOST_ACCOUNT and rest & (_PASSWORD | _USER):
        return Meaning(None, why=_HOST_LOGIN)
    if rest & _PASSWORD and rest <= _PASSWORD | {"admin", "bmc"}:
        return Meaning(MachineField.PASSWORD, strong, family=family)
    if rest & _USER and rest <= _USER | {"name", "admin", "id"}:
        return Meaning(MachineField.USER, strong, family=family)
    if rest in ({"driver"}, {"type"}, {"protocol"}):
        # MAAS's power_driver is a version of IPMI, and ipmi_protocol_version an option of ipmitool.
        sure = "driver" in rest or (strong and "type" in rest)
        return Meaning(MachineField.DRIVER, sure, family=family) if bmc != ["power"] or rest == {"type"} else None
    if rest == {"port"} and "console" not in bmc:
        return Meaning(MachineField.PORT, strong)
    if rest == {"system", "id"} and bmc:
        return Meaning(MachineField.SYSTEM, True)
    return Meaning(MachineField.BRIDGING, True) if rest == {"bridging"} else None


def _place(bmc: list[str], rest: set[str]) -> Meaning | None:
    """Addresses and MACs."""
    family = bmc[0] if bmc else ""
    if rest & _MAC:
        if rest & {"switch", "chassis", "gateway", "bond", "portgroup"}:
            return Meaning(None, why=_NETWORK)
        if bmc:
            return Meaning(None, why="the BMC is found by its address, not by its MAC", of_bmc=True)
        return Meaning(MachineField.BOOT_MAC if rest & _BOOT else MachineField.MAC)
    if bmc and (rest & (_ADDRESS | {"host"}) or (not rest and not set(bmc) <= _NOT_ALONE)):
        other = rest - _ADDRESS - {"host"} - _BESIDES
        return Meaning(MachineField.ADDRESS, True, family=family, of_bmc=True) if not other else None
    if not rest & _ADDRESS:
        return None
    if rest & _OF_HOST or any(re.fullmatch(r"(eth|eno|ens|em|bond|nic)\w*", word) for word in rest):
        return Meaning(None, why=_HOST_IP)
    if rest <= _ADDRESS:
        return Meaning(MachineField.ADDRESS)
    return Meaning(None, why="it is not said to be the BMC's address") if rest & {"ip", "ipv4", "ipaddr"} else None


def _position(words: tuple[str, ...]) -> Meaning | None:
    """Where in which rack: "rack", "U", "rack unit", "u_position", "location.u". A slot or a location alone is one of something else."""
    said = set(words)
    racks, units = said & _RACKS, said & {"u", "ru", "unit", "units"}
    if said & {"height", "size"} and said <= _RACKS | {"u", "ru", "unit", "units", "height", "size", "in"}:
        return Meaning(MachineField.HEIGHT) if units or racks or said == {"height"} else None
    if said - _RACKS - _UNITS - _PLACE_BESIDES:
        return None
    if units or (racks and said & {"position", "pos", "offset", "slot"}) or said == {"position"}:
        return Meaning(MachineField.UNIT)
    return Meaning(MachineField.RACK) if racks else None


def _words(name: str) -> tuple[str, ...]:
    """The words of a name, in lower case; "iDRAC9" is "idrac", and "bmcip" two words."""
    found: list[str] = []
    for written in re.findall(r"[^\W_]+", _PHRASES.sub("bmc", name[:200])):
        token = written.lower()
        bare = token.rstrip("0123456789")
        parts = [bare] if bare in _BMC else _apart(token)
        if parts == [token] and token not in _GLUED:
            parts = [part.lower() for part in _CAMEL.findall(written)] or parts
        found += [part for part in parts if part not in _FILLERS]
    return tuple(found)


def _apart(token: str) -> list[str]:
    """A token as the words that it is glued of; itself where it is not."""
    if token in _GLUED or len(token) > 40:
        return [token]
    ways: list[list[str] | None] = [[], *[None] * len(token)]
    for end in range(1, len(token) + 1):
        for word in _GLUED:
            before = ways[end - len(word)] if len(word) <= end and token[:end].endswith(word) else None
            if before is not None and (ways[end] is None or len(before) + 1 < len(ways[end] or [])):
                ways[end] = [*before, word]
    return ways[-1] or [token]
