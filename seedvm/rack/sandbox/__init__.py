"""What isolates rack machines on this host: namespaces, cgroups, loop devices, containers and QEMU."""
