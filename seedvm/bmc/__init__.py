"""One BMC at a time, gently: proves passwords, reads identity, switches power."""
