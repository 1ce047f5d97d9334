"""The edge where values of foreign origin become types: text, numbers, JSON, MACs, UUIDs, serials, URLs, certificates.

A BMC, a switch, a list of machines and an API may send anything. What passes here has a type and a limit; what cannot be read is unknown,
never a convenient default. Pure: no sockets, no files. Refused here: a guess at what a broken value may have meant.
"""
