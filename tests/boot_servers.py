"""Stock servers of a wire that machines boot from: DHCP and TFTP by dnsmasq, HTTP by Python, all of one folder."""

from __future__ import annotations

import sys
from pathlib import Path

ADDRESS = "172.22.0.1"


def boot_servers(served: Path, *options: str) -> list[list[str]]:
    """Their commands, for a namespace in which br-prov has `ADDRESS`/24; `options` tell dnsmasq who boots what."""
    dnsmasq = [
        "dnsmasq",
        "--conf-file=/dev/null",
        "--keep-in-foreground",
        "--port=0",
        "--interface=br-prov",
        "--bind-interfaces",
    ]
    dnsmasq += ["--dhcp-range=172.22.0.100,172.22.0.199", "--no-ping", "--pid-file=", "--user=root"]
    dnsmasq += [f"--dhcp-leasefile={served.parent / 'leases'}", "--enable-tftp", f"--tftp-root={served}"]
    dnsmasq += ["--dhcp-match=set:ipxe,175", *options]
    dnsmasq += [f"--dhcp-boot=tag:ipxe,http://{ADDRESS}:8089/boot.ipxe"]
    return [dnsmasq, [sys.executable, "-m", "http.server", "--bind", ADDRESS, "--directory", str(served), "8089"]]
