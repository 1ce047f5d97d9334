"""What the screen asks of the outside: the engine client, the site form, listening, seed checks, support bundles, replay."""
