"""An operator's laptop in namespaces of its own: libvirt, logind, a network port with a cable, and no KVM.

Everything in it ends with it: it is a PID namespace. Its /dev/kvm is a plain file, since one that is there and hangs makes libvirt
try it again at every turn.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from seedvm.base import process

SOURCE = Path(__file__).resolve().parents[2]
FOLDER = Path("/var/lib/seedvm-host")
_SCRIPT = """
set -eu
mount --make-rprivate /
mount -t sysfs sysfs /sys
: >"$1/no-kvm"; if [ -e /dev/kvm ]; then mount --bind "$1/no-kvm" /dev/kvm; mount -o remount,bind,ro /dev/kvm; fi
for folder in /run /var/lib/libvirt /var/cache/libvirt /var/log/libvirt /etc/libvirt; do mount -t tmpfs -o mode=755 laptop "$folder"; done
mkdir -p /etc/libvirt/qemu /run/lock /var/lib/seedvm-host "$1/seed"
chmod 711 "$1/seed"
mount --bind "$1/seed" /var/lib/seedvm-host
cat >/etc/libvirt/qemu.conf <<CONF
stdio_handler = "file"
cgroup_controllers = []
namespaces = []
security_driver = "none"
CONF
mkdir -p /run/dbus /run/systemd/inhibit /run/systemd/seats /run/systemd/sessions /run/systemd/users
dbus-daemon --system --fork --nopidfile
/lib/systemd/systemd-logind &
ip link set lo up
ip link add wall type veth peer name port0
ip link set wall up
ip link add br0 type bridge
ip link set br0 up
: >"$1/ready"
libvirtd & # the shell stays process 1: it reaps what libvirt leaves
wait $!
"""


class Laptop:
    """Where commands are run on the laptop."""

    def __init__(self, scratch: Path, holder: int) -> None:
        self.scratch = scratch
        self._enter = ["nsenter", f"--target={holder}", "--net", "--mount", "--pid"]

    def run(self, *words: str, check: bool = True, timeout: float = 300) -> process.Completed:
        return process.run([*self._enter, *words], timeout=timeout, check=check)

    def host_words(self, *words: str) -> list[str]:
        """The command line of `seedvm host` there."""
        main = "import sys; from seedvm.cli import main; sys.exit(main(sys.argv[1:]))"
        python = ["env", f"PYTHONPATH={SOURCE}", "PYTHONDONTWRITEBYTECODE=1", sys.executable, "-c", main]
        return [*self._enter, *python, "host", *words]

    def ssh(self, port: int, password: str, script: str, *, timeout: float = 120) -> process.Completed:
        """Run a shell script as root of the seed, from the laptop. The first host key that it shows is the one that it must keep."""
        ask = self.scratch / "askpass"
        ask.write_text('#!/bin/sh\nprintf "%s\\n" "$SEED_PASSWORD"\n')
        ask.chmod(0o700)
        answer = {"SEED_PASSWORD": password, "SSH_ASKPASS": str(ask), "SSH_ASKPASS_REQUIRE": "force"}
        settings = {
            "StrictHostKeyChecking": "accept-new",
            "UserKnownHostsFile": str(self.scratch / "known_hosts"),
            "NumberOfPasswordPrompts": "1",
            "PubkeyAuthentication": "no",
            "ConnectTimeout": "60",
        }
        options = [f"-o{name}={value}" for name, value in settings.items()]
        words = ["ssh", "-q", "-F", "none", *options, "-p", str(port), "root@127.0.0.1", script]
        return process.run(process.Command([*self._enter, *words], env=answer), timeout=timeout, check=False)

    def host(self, *words: str, check: bool = True, timeout: float = 300) -> process.Completed:
        return process.run(process.Command(self.host_words(*words), cwd=SOURCE), timeout=timeout, check=check)


@contextlib.contextmanager
def laptop(scratch: Path) -> Iterator[Laptop]:
    words = [
        "unshare",
        "--net",
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "bash",
        "-c",
        _SCRIPT,
        "laptop",
    ]
    child = process.spawn([*words, str(scratch)], log=scratch / "laptop.log")
    try:
        inner = Path(f"/proc/{child.pid}/task/{child.pid}/children")
        until("the laptop's start", (scratch / "ready").exists, 30)
        here = Laptop(scratch, int(inner.read_text().split()[0]))
        answers = ["virsh", "-c", "qemu:///system", "list"]
        until("libvirt", lambda: here.run(*answers, check=False).returncode == 0, 60)
        until("logind", lambda: here.run("systemd-inhibit", "--list", check=False).returncode == 0, 60)
        yield here
    finally:
        process.stop(child)


def until(what: str, condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        time.sleep(0.1)


def is_root() -> bool:
    return os.geteuid() == 0
