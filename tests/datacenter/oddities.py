"""Oddities of BMCs that are otherwise in order: each has the right password, locks after three failures, and must be listed.

`ODDITIES` is what the population takes, by the name that `model.Host.odd` has. A row says how the service differs (`script.Script`,
`tls.Tls`), what it answers to IPMI commands, and what is to come of it: proven, or a reason in which `says` is found. Sources: public bug
reports and vendors' documents of the years up to 2026; the values are neutral.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.datacenter.certificates import BEYOND_OPENSSL, CERTIFICATES
from tests.datacenter.paint import PAINT
from tests.datacenter.script import SESSIONS, Reply, Rule, Script, redirect, slash_required
from tests.datacenter.tls import Tls

V1 = "/redfish/v1"
SYSTEM, MANAGER = f"{V1}/Systems/1", f"{V1}/Managers/1"
PORTS = f"{SYSTEM}/EthernetInterfaces"
BOTH = ("1.5", "2.0")
MAC = "52:54:00:AA:00:01"
NVME = "nvme.1987-3241313430373935304644453030313434343430-53504343204d2e32205043496520535344-00000001"
DEFAULT_PASSWORD = "Unable to complete the operation because the default password is still in use and must be changed."


@dataclass(frozen=True)
class Oddity:
    """`proven`: its account is, although. `says` is a regular expression for the reason, or for a finding of a proven one. `root`: a scan
    finds its Redfish service. `host` are fields of `model.Host`, `ipmi` answers by (netfn, command): completion code and data."""

    replies: Mapping[str, Rule] = field(default_factory=dict)
    moved: Mapping[str, str] = field(default_factory=dict)
    tls: Tls = Tls()  # noqa: RUF009 - it is frozen
    ipmi: Mapping[tuple[int, int], tuple[int, bytes]] = field(default_factory=dict)
    host: Mapping[str, Any] = field(default_factory=lambda: {"redfish": "tls"})
    proven: bool = True
    root: bool = True
    says: str = ""

    @property
    def script(self) -> Script:
        return Script(self.replies, self.moved)


def ports(*members: Mapping[str, object] | Reply) -> dict[str, Rule]:
    """A system with these EthernetInterfaces."""
    paths = [f"{PORTS}/{number + 1}" for number in range(len(members))]
    listed = {PORTS: Reply(fields={"Members": [{"@odata.id": path} for path in paths]})}
    told = [one if isinstance(one, Reply) else Reply(fields=one) for one in members]
    return {**listed, **dict(zip(paths, told, strict=True))}


def body(made: Any) -> dict[str, Rule]:
    """The system's answer with these bytes instead of its own."""
    return {SYSTEM: Reply(body=made)}


def error(words: str, number: str) -> dict[str, object]:
    told = {"MessageId": number, "Message": words}
    return {"error": {"code": "Base.1.12.GeneralError", "message": "-", "@Message.ExtendedInfo": [told]}}


IPMI_ALONE = {"ipmi": BOTH}
WITH_IPMI = {"ipmi": BOTH, "redfish": "tls"}
FLOOD = [(f"X-Flood-{number}", "y" * 20) for number in range(110)]
NO_JSON = {"proven": False, "says": r"no JSON"}
TWO = {"Members": [{"@odata.id": SYSTEM}, {"@odata.id": f"{V1}/Systems/2"}]}
NUMBERS: Mapping[str, bytes] = {
    "infinity": b"Infinity",
    "nan": b"NaN",
    "4000-digits": b"9" * 4000,
    "exponent": b"1e999",
}
OTHER_PATHS = {
    SYSTEM: f"{V1}/Systems/System.Embedded.1",
    f"{V1}/Managers": f"{V1}/Oem/BmcManagers",
    f"{V1}/AccountService": f"{V1}/Managers/1/RemoteAccountService",
    SESSIONS: f"{V1}/SessionService/Sessions/Members",
}

ODDITIES: dict[str, Oddity] = {
    **{
        f"certificate-{kind}": Oddity(tls=Tls(certificate=kind))
        for kind in CERTIFICATES
        if kind not in ("plain", *BEYOND_OPENSSL)
    },
    **{f"certificate-{kind}": Oddity(tls=Tls(certificate=kind), host=WITH_IPMI, root=False) for kind in BEYOND_OPENSSL},
    **{
        f"power-{name}": Oddity({SYSTEM: Reply(fields={"PowerState": value})})
        for name, value in {
            "powering-on": "PoweringOn",
            "powering-off": "PoweringOff",
            "paused": "Paused",
            "null": None,
            "absent": ...,
            "number": 1,
            "unknown": "Ein",
        }.items()
    },
    "power-on-after-3-s": Oddity(
        {SYSTEM: [(0, Reply(fields={"PowerState": "PoweringOn"})), (3, Reply(fields={"PowerState": "On"}))]}
    ),
    "one-port-of-three-has-a-mac": Oddity(ports({"MACAddress": MAC}, {"MACAddress": ""}, {"MACAddress": None})),
    "macs-dotted-and-bare": Oddity(ports({"MACAddress": "5254.00AA.0001"}, {"MACAddress": "525400AA0002"})),
    "port-to-the-manager": Oddity(
        ports(
            {"MACAddress": MAC, "LinkStatus": None},
            {"MACAddress": "52:54:00:AA:00:02", "LinkStatus": "NoLink"},
            {"Id": "ToManager", "MACAddress": "B2:93:12:04:00:01", "LinkStatus": "LinkUp"},
        )
    ),
    "port-missing": Oddity(ports({"MACAddress": MAC}, Reply(404)), says="EthernetInterfaces/2"),
    "port-fails": Oddity(ports({"MACAddress": MAC}, Reply(500)), says="EthernetInterfaces/2"),
    "ports-missing": Oddity({PORTS: Reply(404)}, says="EthernetInterfaces"),
    "ports-fail": Oddity({PORTS: Reply(500)}, says="EthernetInterfaces"),
    "managers-missing": Oddity({f"{V1}/Managers": Reply(404)}),
    "manager-fails": Oddity({MANAGER: Reply(500)}),
    "manager-no-json": Oddity({MANAGER: Reply(body=b"<html>")}),
    "account-service-missing": Oddity({f"{V1}/AccountService": Reply(404)}),
    "account-service-fails": Oddity({f"{V1}/AccountService": Reply(500)}),
    "account-service-forbidden": Oddity({f"{V1}/AccountService": Reply(403)}),
    "headers-flood": Oddity({"*": Reply(headers=FLOOD)}, host=WITH_IPMI),
    "headers-flood-redfish-alone": Oddity({"*": Reply(headers=FLOOD)}),
    "headers-not-ascii": Oddity({"*": Reply(headers=[("Server", "B\udce4rbel/1.0"), ("X-Sn", "\udcff")])}),
    "slash-required": Oddity({"*": slash_required}),
    "slash-required-at-the-root": Oddity({V1: slash_required}),
    "root-redirects-to-no-slash": Oddity({V1: lambda request: redirect(V1) if request.path.endswith("/") else None}),
    "root-redirects-for-ever": Oddity({V1: redirect(f"{V1}/")}, host=WITH_IPMI, root=False),
    "redirects-to-another-port": Oddity(
        {"*": redirect("http://10.66.255.254:8080/redfish/v1/", 301)}, host=WITH_IPMI, root=False
    ),
    "paths-of-its-own": Oddity(moved=OTHER_PATHS),
    "reset-has-its-own-target": Oddity(moved={"/Actions/ComputerSystem.Reset": "/Actions/System.Reset"}),
    "member-ends-in-a-slash": Oddity({f"{V1}/Systems": Reply(fields={"Members": [{"@odata.id": f"{SYSTEM}/"}]})}),
    "id-not-ascii": Oddity(moved={SYSTEM: f"{V1}/Systems/Gerät-Ä1"}),
    "default-password-at-every-path": Oddity(
        {
            key: Reply(403, error(DEFAULT_PASSWORD, "IDRAC.2.9.SWC1908"))
            for key in (f"GET {V1}/Systems", f"GET {SYSTEM}", f"GET {V1}/AccountService")
        },
        proven=False,
        says="must be changed|password.*expired",
    ),
    "default-password-at-the-session": Oddity(
        {f"POST {SESSIONS}": Reply(403, error(DEFAULT_PASSWORD, "IDRAC.2.9.SWC1908"), first=True)},
        proven=False,
        says="must be changed|password.*expired",
    ),
    "session-refused": Oddity(
        {f"POST {SESSIONS}": Reply(401, body={}, first=True)}, proven=False, says="session service"
    ),
    "no-session-service": Oddity(
        {V1: Reply(fields={"Links": ..., "SessionService": ...}), f"POST {SESSIONS}": Reply(404)}
    ),
    "session-without-a-name": Oddity({f"POST {SESSIONS}": Reply(without=["Location"], fields={"@odata.id": ...})}),
    "session-elsewhere": Oddity(
        {
            f"POST {SESSIONS}": Reply(
                without=["Location"],
                fields={"@odata.id": ...},
                headers=[("Location", "https://192.0.2.1/redfish/v1/SessionService/Sessions/1")],
            )
        }
    ),
    **{
        f"tls-{version}": Oddity(tls=Tls(version), proven=False, says=f"TLS {version}", host={"redfish": "tls"})
        for version in ("1.0", "1.1")
    },
    "tls-1.2": Oddity(tls=Tls("1.2")),
    "tls-1.3": Oddity(tls=Tls("1.3")),
    "tls-no-rfc-5746": Oddity(tls=Tls(rfc5746=False), proven=False, says="renegotiation"),
    "tls-1.0-with-ipmi": Oddity(tls=Tls("1.0"), host=WITH_IPMI),
    "tls-slow": Oddity(tls=Tls(drip=0.05, piece=25)),
    "tls-for-ever": Oddity(tls=Tls(drip=1.0), host=WITH_IPMI, root=False),
    "json-ends-in-nul": Oddity(body(lambda raw: raw + b"\0")),
    "json-starts-with-bom": Oddity(body(lambda raw: b"\xef\xbb\xbf" + raw)),
    "json-gzip": Oddity({"*": Reply(encode=True)}),
    "json-gzip-unannounced": Oddity({SYSTEM: Reply(encode=True, without=["Content-Encoding"])}),
    "json-not-utf-8": Oddity(body(lambda raw: raw.replace(b"Emulated", b"Emul\xff")), **NO_JSON),
    "json-control-character": Oddity(body(lambda raw: raw.replace(b"Emulated", b"Emul\x07")), **NO_JSON),
    "json-trailing-comma": Oddity(body(lambda raw: raw[:-1] + b",}"), **NO_JSON),
    "json-cut": Oddity(body(lambda raw: raw[:-9]), **NO_JSON),
    "json-empty": Oddity(body(b""), **NO_JSON),
    "json-html": Oddity(body(b"<html><h1>404</h1></html>"), **NO_JSON),
    "json-a-list": Oddity(body(b"[]"), **NO_JSON),
    "json-deep": Oddity(body(b'{"a":' * 50_000), **NO_JSON),
    "chunked-258-kB": Oddity({SYSTEM: Reply(fields={"Oem": "x" * 258_000}, chunks=7)}),
    **{
        f"number-{name}": Oddity(
            {SYSTEM: Reply(body=lambda raw, value=value: raw.replace(b": 256}", b": " + value + b"}"))}
        )
        for name, value in NUMBERS.items()
    },
    "number-longest-password": Oddity(
        {f"{V1}/AccountService": Reply(body=lambda raw: raw.replace(b": 20", b": " + b"9" * 4000))}
    ),
    "clock-no-date": Oddity({MANAGER: Reply(fields={"DateTime": "Infinity"})}),
    "clock-year-0": Oddity({MANAGER: Reply(fields={"DateTime": "0000-00-00T00:00:00Z"})}),
    "clock-number": Oddity({MANAGER: Reply(fields={"DateTime": 1e308})}),
    "uuid-placeholder": Oddity({SYSTEM: Reply(fields={"UUID": "03000200-0400-0500-0006-000700080009"})}),
    "uuid-zeros": Oddity({SYSTEM: Reply(fields={"UUID": "00000000-0000-0000-0000-000000000000"})}),
    "serial-placeholder": Oddity({SYSTEM: Reply(fields={"SerialNumber": "To be filled by O.E.M."})}),
    "serial-long": Oddity({SYSTEM: Reply(fields={"SerialNumber": NVME})}),
    "paints-the-terminal": Oddity(
        {
            V1: Reply(fields={"Vendor": PAINT, "Product": PAINT}),
            SYSTEM: Reply(fields=dict.fromkeys(("Manufacturer", "Model", "SerialNumber", "PowerState"), PAINT)),
        }
    ),
    "paints-in-a-refusal": Oddity(
        {SYSTEM: Reply(500, error(PAINT, PAINT) | {"error": {"code": PAINT, "message": PAINT}})},
        proven=False,
        says="HTTP 500",
    ),
    "two-systems": Oddity({f"{V1}/Systems": Reply(fields=TWO)}, proven=False, says="2 systems"),
    "two-systems-with-ipmi": Oddity({f"{V1}/Systems": Reply(fields=TWO)}, host=WITH_IPMI),
    "no-system": Oddity({f"{V1}/Systems": Reply(fields={"Members": []})}, proven=False, says="0 systems|no system"),
    "ssdp-with-two-colons": Oddity(
        host={"redfish": "tls", "ssdp": True, "ssdp_target": "urn::dmtf-org:service:redfish-rest:1"}
    ),
    "drips-for-ever": Oddity({SYSTEM: Reply(drip=(1, 1.0))}, proven=False, says="in time|timed? ?out|seconds|within"),
    "root-drips-for-ever": Oddity({V1: Reply(drip=(1, 1.0))}, host=WITH_IPMI, root=False),
    "busy-for-ever": Oddity(
        {f"{V1}/Systems": Reply(503, headers=[("Retry-After", "9" * 4000)])}, proven=False, says="busy"
    ),
    "busy-with-infinity": Oddity(
        {f"{V1}/Systems": Reply(503, headers=[("Retry-After", "Infinity")])}, proven=False, says="busy"
    ),
    "reset-in-the-middle": Oddity({SYSTEM: Reply(cut=40, end="reset")}, proven=False, says="."),
    "ipmi-status-empty": Oddity(ipmi={(0x00, 0x01): (0, b"")}, host=IPMI_ALONE),
    "ipmi-status-busy": Oddity(ipmi={(0x00, 0x01): (0xC0, b"")}, host=IPMI_ALONE),
    "ipmi-status-refused": Oddity(ipmi={(0x00, 0x01): (0xD5, b"")}, host=IPMI_ALONE),
    "ipmi-device-short": Oddity(ipmi={(0x06, 0x01): (0, b"\x20\x01")}, host=IPMI_ALONE),
    "ipmi-clock-endless": Oddity(ipmi={(0x0A, 0x48): (0, b"\xff" * 4)}, host=IPMI_ALONE),
    "ipmi-session-info-short": Oddity(ipmi={(0x06, 0x3D): (0, b"\x01")}, host=IPMI_ALONE),
    "ipmi-guid-zeros": Oddity(host={**IPMI_ALONE, "guid": "00" * 16}),
    "ipmi-guid-ones": Oddity(host={**IPMI_ALONE, "guid": "ff" * 16}),
    "ipmi-guid-placeholder": Oddity(host={**IPMI_ALONE, "guid": "03000200040005000006000700080009"}),
    "ipmi-manufacturer-zero": Oddity(host={**IPMI_ALONE, "manufacturer": 0}),
    "ipmi-manufacturer-unknown": Oddity(host={**IPMI_ALONE, "manufacturer": 0xFFFFF}),
}
