"""The screen: shows where a site stands and asks the operator; it never does the engine's work."""
