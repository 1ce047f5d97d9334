"""The steps of a deployment, a module each. A step knows its outcome and how to bring it about, and no other step."""
