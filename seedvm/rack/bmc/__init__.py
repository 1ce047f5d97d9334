"""The emulated BMCs of the virtual rack: IPMI and Redfish in front of one machine, with faults to order."""
