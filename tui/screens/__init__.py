"""One module per screen; a screen reads the model and asks the link, and imports no other screen."""
