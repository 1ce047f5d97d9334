"""The command completion: what a shell reads to complete seedvm's commands, options and their values."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterable, Iterator

from seedvm.cli.common import EXIT_DONE, Commands, say
from seedvm.cli.tree import CliCommand
from seedvm.cli.tree import commands as commands_of

# A word that is a verb of the command so far leads on; where nothing is known, readline completes file names.
_BASH = """\
# bash completion of seedvm, made by: seedvm completion bash
_seedvm() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}} command=seedvm word words=
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case "$command $word" in
            {verbs}) command+=" $word" ;;
        esac
    done
    case "$command $previous" in
        {values}
        *)
            case "$command" in
                {words}
            esac
            ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}}
complete -o default -F _seedvm seedvm
"""


def add_command(commands: Commands, shared: argparse.ArgumentParser) -> None:
    completion = commands.add_parser(
        "completion",
        parents=[shared],
        help="print the shell completion script; use it with: source <(seedvm completion bash)",
    )
    completion.add_argument("shell", choices=("bash",), help="the shell that the script is for")
    completion.set_defaults(handler=_completion)


def _completion(args: argparse.Namespace) -> int:
    from seedvm.cli import parser

    say(*bash(commands_of(parser())).rstrip("\n").split("\n"))
    return EXIT_DONE


def bash(commands: Iterable[CliCommand]) -> str:
    """The script, for bash 4.4 and newer."""
    known = list(commands)
    return _BASH.format(
        verbs=" | ".join(shlex.quote(command.name) for command in known[1:]),
        values="\n        ".join(_cases(_values(known))),
        words="\n                ".join(_cases((_words(command), command.name) for command in known)),
    )


def _cases(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    """`case` branches from words and the place that they are for; places with the same words share a branch."""
    places: dict[str, list[str]] = {}
    for words, place in pairs:
        places.setdefault(words, []).append(shlex.quote(place))
    return (f"{' | '.join(found)}) words={shlex.quote(words)} ;;" for words, found in places.items())


def _values(commands: Iterable[CliCommand]) -> Iterator[tuple[str, str]]:
    """What may follow an option that takes a value; nothing is any value."""
    for command in commands:
        for option in command.arguments:
            for name in option.names if option.takes_value else ():
                yield " ".join(option.choices), f"{command.name} {name}"


def _words(command: CliCommand) -> str:
    """What may stand anywhere in a command: its verbs, its options, and the values of its arguments."""
    names = (name for one in command.arguments for name in (one.names or one.choices))
    return " ".join([*command.verbs, *names])
