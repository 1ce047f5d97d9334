"""`python -m tests.stories` lists the stories; with a name it runs one. The exit code is 0 if its verdict is passed."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from tests.stories.story import Story, listed, tell

BUILD = Path("build/stories")


def main(words: list[str]) -> int:
    stories = listed()
    if not words or not words[0]:
        for name, (proves, takes) in stories.items():
            print(f"make story NAME={name}\n  {proves}\n  {takes}")
        return 0
    name = words[0]
    if name not in stories:
        print(f"there is no story {name}; there are {', '.join(stories)}", file=sys.stderr)
        return 2
    story = Story(name, BUILD / name)
    verdict = tell(story, importlib.import_module(f"tests.stories.{name.replace('-', '_')}").run)
    print(story.record.read_text(), end="")
    return 0 if verdict == "passed" else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
