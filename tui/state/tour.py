"""A recorded first install as a tour: which page shows which part of it, for how long, and the words for it. Pure; knows no clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seedvm.engine.events import Entry, PhaseReached

SECONDS = 180.0
"""How long a tour takes, whatever the recording took."""


@dataclass(frozen=True)
class Scene:
    """A part of the recording: the page, its caption, its share of the time, and the steps that it begins with."""

    page: str
    words: str
    share: float
    steps: tuple[str, ...] = ()


@dataclass(frozen=True)
class SceneCut:
    """A scene with its entries of the recording, `begin` to `end`, and its seconds."""

    scene: Scene
    begin: int
    end: int
    seconds: float


_HANDOFF = "hand-off"
SCENES = (
    Scene(
        "welcome",
        "A first install in three minutes: a recording, nothing is touched. You see the pages as an operator did. F1 explains each one; "
        "Ctrl+Q ends the tour.",
        0.09,
    ),
    Scene(
        "discovery",
        "Discovery: only the declared ranges are contacted, and no password is sent. Each BMC comes with the packet that proves it.",
        0.1,
        ("discover",),
    ),
    Scene(
        "credentials",
        "Credentials: the accounts you gave are tried slowly enough to lock none. What is wrong with a BMC has a name and a fix.",
        0.08,
        ("settle-passwords", "credentials"),
    ),
    Scene(
        "hardware",
        "Inspection: each machine boots a ramdisk over the network and reports its disks and NICs. One that falls short says at what.",
        0.14,
        ("boot-mac", "register", "inspect"),
    ),
    Scene(
        "review",
        "Review: every disk that would be erased, by serial number. Nothing is written yet. Work resumes once the site's name is typed.",
        0.1,
        ("review",),
    ),
    Scene(
        "progress",
        "Deployment: Heat asks Nova, Nova asks Ironic, machines write the golden image. Close the screen at any time: the engine works on.",
        0.18,
        ("images", "deploy"),
    ),
    Scene(
        "handoff",
        "Hand-off: the nodes join the seed's database, everything is compared, and at COMMIT the virtual address moves. Before it every "
        "failure goes back, after it every failure goes forward.",
        0.19,
        (_HANDOFF,),
    ),
    Scene(
        "receipt",
        "Receipt: the undercloud has worked with the seed cut off. Signed, with its evidence. SAFE TO LEAVE: YES. Take the laptop home; "
        "on any controller: seedvm top. Ctrl+Q ends the tour.",
        0.12,
        ("receipt",),
    ),
)


def parts(entries: Sequence[Entry]) -> tuple[SceneCut, ...]:
    """The recording in scenes; a scene whose steps it does not have is left out, and its time goes to the others."""
    starts: list[tuple[Scene, int]] = []
    for scene in SCENES:
        after = starts[-1][1] if starts else 0
        found = after if not scene.steps else _first(entries, scene.steps, after)
        if found is not None:
            starts.append((scene, found))
    whole = sum(scene.share for scene, _ in starts)
    ends = [begin for _, begin in starts[1:]] + [len(entries)]
    return tuple(
        SceneCut(scene, begin, end, SECONDS * scene.share / whole)
        for (scene, begin), end in zip(starts, ends, strict=True)
    )


def _first(entries: Sequence[Entry], steps: tuple[str, ...], after: int) -> int | None:
    for number in range(after, len(entries)):
        entry = entries[number]
        handing = isinstance(entry.event, PhaseReached) and _HANDOFF in steps
        if handing or entry.step in steps:
            return number
    return None
