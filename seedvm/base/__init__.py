"""Plain tools that know nothing of sites, machines or clouds: errors, processes, files, locks, waiting."""
