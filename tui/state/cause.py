"""The cause inside what services say of a failure: Heat tells what Nova told, which tells what Ironic told of a BMC. Pure."""

from __future__ import annotations

import re

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_WRAPPINGS = tuple(
    re.compile(pattern)
    for pattern in (
        r"^Resource (?:CREATE|UPDATE|DELETE) failed: ",
        r"^ResourceInError: ",
        r"^resources(?:\[[^\]]*\]|\.[\w-]+)*: ",
        r"^Went to status \w+ due to \"(?:Message: )?",
        rf"^Failed to provision instance {_UUID}: ",
        r"^Failed to deploy\. Exception: ",
        r"^Deploy step [\w.]+ failed: ",
        r"^(?:Redfish|IPMI) exception occurred\. Error: ",
        r"^it was not deployed: ",
    )
)
_NODE = re.compile(rf" (?:for|of) node {_UUID}")


def plain_cause(text: str) -> str:
    """What happened, without what each service wraps around it; the whole text where there is nothing else."""
    line = " ".join(text.split())
    found = True
    while found:
        found = False
        for wrapping in _WRAPPINGS:
            shorter = wrapping.sub("", line, count=1)
            if shorter != line and shorter.strip(' "'):
                line, found = shorter, True
    return _NODE.sub("", line).rstrip()
