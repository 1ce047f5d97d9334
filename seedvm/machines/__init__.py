"""What is known of each machine: inventory, inspected hardware, selection by role, import and export of lists."""
