"""Views of and verbs on the services of a cloud: Keystone to Heat, Galera, RabbitMQ, the VIP. No policy in here."""
