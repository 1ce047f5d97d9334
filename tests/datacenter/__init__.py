"""A hostile datacenter for tests and benches: a thousand BMCs, and things that are none, behind one cable.

Every host has an address and a MAC of its own (ARP is answered here, not by the kernel), behaves as its row in `model.Host`
says, and notes everything that it sees: each packet, each login, each session slot. The protocols are written anew from the
standards and share no line with seedvm.wire, so that both sides cannot be wrong together; ipmitool and pyghmi log in as well
(tests/contract/scan/test_datacenter_peers.py). Refused here: anything that would let a test pass without the wire.
"""
