"""`python -m tests.stories` lists the stories; with a name it runs one. The exit code is 0 if its verdict is passed."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

from tests.stories import experiments
from tests.stories.story import Figures, Story, listed, tell

BUILD = Path("build/stories")


def main(words: list[str]) -> int:
    stories = listed() | experiments.stories()
    if not words or not words[0]:
        for name, (proves, takes) in stories.items():
            print(f"make story NAME={name}\n  {proves}\n  {takes}")
        return 0
    name = words[0]
    if name not in stories and experiments.runner(name) is None:
        print(f"there is no story {name}; there are {', '.join(stories)}", file=sys.stderr)
        return 2
    story = Story(name, BUILD / name)
    verdict = tell(story, runner(name))
    print(story.record.read_text(), end="")
    return 0 if verdict == "passed" else 1


def runner(name: str) -> Callable[[Story], Figures]:
    """What plays a story: experiments that its name names, or the module of that name."""
    found: Callable[[Story], Figures] = (
        experiments.runner(name) or importlib.import_module(f"tests.stories.{name.replace('-', '_')}").run
    )
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
