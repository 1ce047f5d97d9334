"""One controller's own services, on this machine: units, VIP, Galera, RabbitMQ, leases, sockets, silence."""
