"""The virtual rack: machines of network namespaces, BMC emulators and containers. A real rack uses none of it."""
