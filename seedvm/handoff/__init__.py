"""The engine's side of the hand-off: the members it asks, what it compares, the receipt. The node's side is `seedvm.member`."""
