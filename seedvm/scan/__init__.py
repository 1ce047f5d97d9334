"""Packets -> facts with their source: finds BMCs in declared ranges. Never sends a password."""
