"""The road, a module per stage. A step knows its outcome and how to bring it about, and no other step."""
