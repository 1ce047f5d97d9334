"""A controller's units by what they do, in the order in which a seed gives them up. Names only; it starts and stops nothing."""

from __future__ import annotations

# What acts by itself: boots machines, drives BMCs, works on stacks. Silent after FENCE.
WORKERS = (
    "os-collect-config.service",
    "glance-image-sync.timer",
    "ironic-dnsmasq.service",
    "ironic-httpd.service",
    "ironic-conductor.service",
    "nova-compute.service",
    "ironic-neutron-agent.service",
    "heat-engine.service",
    "nova-scheduler.service",
    "nova-conductor.service",
    "neutron-rpc-server.service",
)
# Who holds the VIP. Off at COMMIT.
VIP = ("keepalived.service",)
# What answers when asked. Off after OWN.
SERVICES = (
    "haproxy.service",
    "heat-api.service",
    "ironic-api.service",
    "neutron-api.service",
    "nova-api.service",
    "placement-api.service",
    "glance-api.service",
    "keystone.service",
    "rabbitmq-server.service",
    "memcached.service",
)
# The member of Galera. Off when the seed leaves.
DATABASE = ("mariadb.service",)
# How long a unit may take to stop by itself before it is killed.
GRACE_SECONDS = 8.0
# Ports on which a machine that boots, or another conductor, would find this one.
BOOT_PORTS = (8088, 8089)
