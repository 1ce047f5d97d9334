"""The virtual rack: machines of network namespaces, BMC emulators and containers. Nothing of it is on a real rack's road."""
