"""All that the operator says: the site file, its rules, the secrets beside it, orders for single machines."""
