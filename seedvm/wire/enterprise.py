"""Who a manufacturer number is: IANA private enterprise numbers as IPMI, ASF and DHCPv6 carry them. A table, no more.

Source: IANA's registry, those that make BMCs. Refused: numbers that name a standard and no maker (4542 is ASF).
"""

from __future__ import annotations

VENDORS = {
    2: "IBM",
    11: "HP",
    42: "Oracle",
    343: "Intel",
    674: "Dell",
    2011: "Huawei",
    2623: "ASUS",
    5771: "Cisco",
    7244: "Quanta",
    10368: "Fujitsu",
    10876: "Supermicro",
    15370: "Gigabyte",
    19046: "Lenovo",
    20301: "Lenovo",
    47196: "HPE",
    47488: "Supermicro",
    49871: "OpenBMC",
}


def vendor(number: int) -> str | None:
    """The maker, None where the table has none."""
    return VENDORS.get(number)
