"""Stories: what takes too long for every run. `make stories` lists them, `make story NAME=...` runs one.

A story is a module here. Its docstring says in the first line what it proves, and in a line that begins with "Takes" how long that
takes. Its `run(story)` gives back figures by name (numbers or short texts), and raises AssertionError where it proves the opposite. Its
parameters come from the environment by `story.number`: `make story NAME=fuzz ROUNDS=10 SEED=7`.

Each run leaves build/stories/NAME.json: story, verdict (passed, failed or interrupted), began, seconds, parameters, figures, error.
"""
