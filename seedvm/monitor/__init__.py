"""The undercloud as it is now: what each controller says of itself, what the APIs say, and what follows from it. Reads only."""
