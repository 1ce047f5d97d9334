"""The commands as the parser knows them, for what is made from it: shell completion and the man page. It runs none of them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Argument:
    """An option, or an argument without a name. `choices` are the values it accepts, empty where any will do."""

    names: tuple[str, ...]
    shown: str
    help: str
    takes_value: bool
    choices: tuple[str, ...]


@dataclass(frozen=True)
class CliCommand:
    """One command or verb, `words` from `seedvm` on; `verbs` are the words that may follow it."""

    words: tuple[str, ...]
    help: str
    usage: str
    arguments: tuple[Argument, ...]
    verbs: tuple[str, ...]

    @property
    def name(self) -> str:
        return " ".join(self.words)


def commands(parser: argparse.ArgumentParser) -> Iterator[CliCommand]:
    """The parser's own options first, then each command followed by its verbs, in the order of the help."""
    return _walk(parser, (parser.prog,), parser.description or "")


def _walk(parser: argparse.ArgumentParser, words: tuple[str, ...], help: str) -> Iterator[CliCommand]:
    deeper = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    yield CliCommand(
        words,
        help,
        " ".join(parser.format_usage().removeprefix("usage: ").split()),
        tuple(_argument(parser, action) for action in parser._actions if action not in deeper),
        tuple(name for action in deeper for name in action.choices),
    )
    for action in deeper:
        texts = {str(one.dest): one.help or "" for one in action._choices_actions}
        for name, child in action.choices.items():
            yield from _walk(child, (*words, name), texts[name])


def _argument(parser: argparse.ArgumentParser, action: argparse.Action) -> Argument:
    formatter = parser._get_formatter()
    return Argument(
        names=tuple(action.option_strings),
        shown=formatter._format_action_invocation(action),
        help=formatter._expand_help(action) if action.help else "",
        takes_value=action.nargs != 0,
        choices=tuple(str(one) for one in action.choices or ()),
    )
