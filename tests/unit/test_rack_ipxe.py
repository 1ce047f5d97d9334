"""iPXE scripts as Ironic's templates write them, against a console that plays the boot server."""

from __future__ import annotations

from dataclasses import dataclass, field

from seedvm.rack.firmware import ipxe

MAC = "52:54:00:aa:00:01"
BOOT = """#!ipxe

set netid:int32 -1
:loop
inc netid || chain pxelinux.cfg/${mac:hexhyp} || goto old_rom
isset ${net${netid}/mac} || goto loop_done
echo Attempting to boot from MAC ${net${netid}/mac:hexhyp}
chain pxelinux.cfg/${net${netid}/mac:hexhyp} || goto loop

echo Exiting pxe config to allow boot to continue on next device
exit 0

:loop_done
echo PXE boot failed! No configuration found for any of the present NICs.
echo Press any key to reboot...
prompt --timeout 180
reboot

:old_rom
reboot
"""
NODE = """#!ipxe

set attempts:int32 2
set i:int32 0

goto {goto}

:deploy
imgfree
kernel --timeout 60 http://boot/kernel selinux=0 ipa-api-url=http://api BOOTIF=${{mac}} initrd=deploy_ramdisk || goto retry

initrd --timeout 60 http://boot/ramdisk || goto retry
boot

:retry
iseq ${{i}} ${{attempts}} && goto fail ||
inc i
echo No response, retrying in ${{i}} seconds.
sleep ${{i}}
goto deploy

:fail
echo Failed to get a response after ${{attempts}} attempts
sleep 30
poweroff

:boot_whole_disk
sanboot --no-describe || exit 0
"""
AT = "http://172.22.0.10:8089/boot.ipxe"
MINE = "http://172.22.0.10:8089/pxelinux.cfg/52-54-00-aa-00-01"


@dataclass
class Bench:
    """A boot server and a machine on a table: what it has, what it was asked for, how long the machine slept."""

    scripts: dict[str, str]
    files: set[str] = field(default_factory=lambda: {"http://boot/kernel", "http://boot/ramdisk"})
    disk: bool = False
    asked: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    slept: float = 0.0

    def text(self, url: str) -> str:
        self.asked.append(url)
        if url not in self.scripts:
            raise LookupError(f"{url}: 404")
        return self.scripts[url]

    def file(self, url: str) -> str:
        self.asked.append(url)
        if url not in self.files:
            raise LookupError(f"{url}: 404")
        return url.rpartition("/")[2]

    def disk_boots(self) -> bool:
        return self.disk

    def say(self, message: str) -> None:
        self.said.append(message)

    def sleep(self, seconds: float) -> None:
        self.slept += seconds


def boot(bench: Bench, script: str = BOOT) -> ipxe.Outcome:
    return ipxe.run(script, AT, bench, mac=MAC)


def test_a_deployment_boots_the_kernel_with_its_ramdisk_and_command_line() -> None:
    outcome = boot(Bench({MINE: NODE.format(goto="deploy")}))
    line = f"selinux=0 ipa-api-url=http://api BOOTIF={MAC} initrd=deploy_ramdisk"
    assert outcome == ipxe.BootKernel("kernel", ("ramdisk",), line)


def test_the_script_for_the_mac_is_chained_relative_to_the_boot_script() -> None:
    bench = Bench({MINE: NODE.format(goto="deploy")})
    boot(bench)
    assert bench.asked[0] == MINE


def test_a_deployed_machine_goes_on_from_its_disk() -> None:
    assert boot(Bench({MINE: NODE.format(goto="boot_whole_disk")}, disk=True)) == ipxe.BootDisk()


def test_an_empty_disk_leaves_for_the_next_device() -> None:
    bench = Bench({MINE: NODE.format(goto="boot_whole_disk")})
    assert boot(bench) == ipxe.Leave("next")
    assert any("Exiting pxe config" in line for line in bench.said)


def test_a_machine_that_nobody_knows_restarts() -> None:
    bench = Bench({})
    assert boot(bench) == ipxe.Leave("reboot")
    assert "PXE boot failed! No configuration found for any of the present NICs." in bench.said


def test_a_kernel_that_does_not_come_is_tried_again_and_then_the_power_goes() -> None:
    bench = Bench({MINE: NODE.format(goto="deploy")}, files=set())
    assert boot(bench) == ipxe.Leave("poweroff")
    assert bench.asked.count("http://boot/kernel") == 3
    assert bench.slept == 1 + 2 + 30


def test_variables_are_expanded_from_the_inside_out() -> None:
    settings = {"netid": "0", "net0/mac": MAC}
    assert ipxe.expand("${net${netid}/mac:hexhyp} ${nothing}.", settings) == "52-54-00-aa-00-01 ."


def test_an_unknown_command_fails_so_that_the_other_way_is_taken() -> None:
    assert boot(Bench({}), "#!ipxe\nfrobnicate || reboot\n") == ipxe.Leave("reboot")


def test_an_unknown_command_without_another_way_ends_the_script() -> None:
    assert boot(Bench({}), "#!ipxe\nfrobnicate\nreboot\n") == ipxe.Leave("next")


def test_a_page_that_is_no_script_is_not_run() -> None:
    assert boot(Bench({}), "<html>reboot</html>") == ipxe.Leave("next")


def test_a_script_without_an_end_is_ended() -> None:
    assert boot(Bench({}), "#!ipxe\n:again\ngoto again\n") == ipxe.Leave("next")


def test_relative_addresses_work_for_tftp_too() -> None:
    assert ipxe.resolve("tftp://172.22.0.1/a/boot.ipxe", "x/y") == "tftp://172.22.0.1/a/x/y"
