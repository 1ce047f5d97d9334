"""Check, apply, check: the steps' contract, the engine that runs them, its journal, lock, status and report."""
