"""The deployment on one page: every step, in order, from a rack of powered-off machines to an undercloud that runs without the seed."""

from __future__ import annotations

from seedvm.controller import handed_over
from seedvm.engine.step import Context, Step
from seedvm.handoff.members import Members
from seedvm.site.receipt import departed
from seedvm.site.secrets_file import load_rotations
from seedvm.steps.boot_mac import BootMacStep
from seedvm.steps.credentials import CredentialsStep
from seedvm.steps.departed import Finished, Past
from seedvm.steps.deploy import DeployStep
from seedvm.steps.discover import DiscoverStep
from seedvm.steps.handoff_commit import Commit
from seedvm.steps.handoff_compare import Compare
from seedvm.steps.handoff_fence import Fence
from seedvm.steps.handoff_own import Own, Retire
from seedvm.steps.handoff_quiesce import Quiesce
from seedvm.steps.handoff_receipt import WriteReceipt
from seedvm.steps.handoff_rehearse import Rehearse
from seedvm.steps.images import ImagesStep
from seedvm.steps.inspect import InspectStep
from seedvm.steps.join import Join
from seedvm.steps.leave import LeaveCluster, SeedOff, WipeStep
from seedvm.steps.preflight import PreflightStep
from seedvm.steps.register import RamdiskStep, RegisterStep
from seedvm.steps.review import ReviewStep
from seedvm.steps.rotate import RotateStep, SettleStep
from seedvm.steps.seed import SeedNetworkStep, SeedServicesStep


def build_plan(context: Context) -> tuple[Step, ...]:
    """Every step of one site's deployment. It touches nothing. On a seed that has left, the receipt answers for the steps."""
    receipt = departed(context.state_dir, context.site.name)
    steps = _steps(context)
    return steps if receipt is None else (*(Finished(step, receipt) for step in steps[:-1]), steps[-1])


def _steps(context: Context) -> tuple[Step, ...]:
    before = _before(context)
    if handed_over.marked(context.site.name):  # the network and the undercloud's answer are still looked at
        before = (*before[:2], *map(Past, before[2:]))
    return (*before, *_hand_off(Members.of(context)))


def _before(context: Context) -> tuple[Step, ...]:
    return (
        # The seed: an address, a wire without strangers, an OpenStack of its own.
        SeedNetworkStep(context),
        PreflightStep(context),
        SeedServicesStep(context),
        # The machines: found, logged in to, registered in Ironic, inspected. Nothing is written to their disks.
        DiscoverStep(context),
        *((SettleStep(context),) if load_rotations(context.state_dir / "secrets.yaml") else ()),
        CredentialsStep(context),
        *((RotateStep(context),) if context.site.bmc.rotate_passwords else ()),
        BootMacStep(context),
        RamdiskStep(context),
        RegisterStep(context),
        InspectStep(context),
        # The undercloud: disks are wiped only after the operator has confirmed it.
        ReviewStep(context),
        ImagesStep(context),
        DeployStep(context),
    )


def _hand_off(members: Members) -> tuple[Step, ...]:
    return (
        # The hand-off: COMMIT is the point of no return.
        Join(members),
        Compare(members),
        Quiesce(members),
        Fence(members),
        Commit(members),
        Own(members),
        Retire(members),
        Rehearse(members),
        WriteReceipt(members),
        # The seed leaves, with the signed receipt.
        LeaveCluster(members),
        WipeStep(members),
        SeedOff(members),
    )
