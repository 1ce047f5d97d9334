"""The road, a module per stretch. A step knows its outcome and how to bring it about, and no other step."""
