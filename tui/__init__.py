"""The wizard: shows the state of a site and asks the operator; it never does the engine's work."""
