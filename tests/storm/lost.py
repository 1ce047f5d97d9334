"""The seed is lost for good: off, its disk and its state folder gone. Another laptop takes the hand-off up with the recovery key."""

from __future__ import annotations

import random
import shutil

from seedvm.base import process
from seedvm.base.secret import Secret
from seedvm.rack import rack
from seedvm.rack.demo_site import SITE
from seedvm.site.secrets_file import load_secrets
from tests.storm.world import SEED, VIP, World, wait

_SOON = 180.0
_ADDRESS = "172.22.0.10/24"
_KEY = "/run/recovery.key"


def seed_lost(world: World, _: random.Random) -> str:
    """The operator has noted the recovery key beforehand, and nothing else."""
    key = load_secrets(world.state / "secrets.yaml").generated.recovery_key
    lose(world)
    wait("a controller has the VIP", lambda: [name for name in world.at(VIP) if name != SEED], _SOON)
    fresh(world)
    return f"seed lost for good; on another one: {adopt(world, key)}"


def lose(world: World) -> None:
    """Nothing of it is left."""
    rack.order(world.spec, SEED, "off")
    wait("the seed is off", lambda: not rack.is_on(world.spec, SEED), _SOON)
    for path in world.state.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    (world.spec.folder(SEED) / "disk.img").unlink()


def fresh(world: World) -> None:
    """Another laptop with the same image, at the same cable."""
    rack.order(world.spec, SEED, "on")  # what stands for its power button is there still
    wait("the new seed takes orders", world.seed_is_ready, _SOON)


def adopt(world: World, key: Secret) -> str:
    """As an operator types it; what the command says."""
    script = f"umask 077; cat > {_KEY}"
    process.run(rack.exec_argv(world.spec, SEED, ["sh", "-c", script]), timeout=30, input=key.reveal())
    words = ("--address", _ADDRESS, "--interface", "eth0", "--key-file", _KEY, "--seed-is-lost", SITE)
    said = world.on(SEED, "seedvm", "adopt", VIP, *words, seconds=_SOON)
    return " ".join(said.split())


def never_a_controller(world: World) -> list[str]:
    """The new seed has left as well, and the receipt names that the first one was lost."""
    told = (world.state / "receipt.json").read_text() if (world.state / "receipt.json").exists() else ""
    found = ["the new seed still answers"] if world.addresses(SEED) else []
    return found if '"seed-lost"' in told else [*found, "the receipt does not name that the seed was lost"]
