"""The command manpage: the manual's page seedvm(1), made from the parser."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator

from seedvm import __version__
from seedvm.cli.common import EXIT_DONE, Commands, say
from seedvm.cli.tree import Argument, CliCommand
from seedvm.cli.tree import commands as commands_of

EXIT_CODES = {
    "0": "done",
    "1": "failed",
    "2": "the command or the site file is wrong",
    "3": "blocked: the operator must act",
    "4": "another engine works on the site",
}
FILES = {
    "/var/lib/seedvm/site.yaml": "the site: networks, BMC ranges, controllers",
    "/var/lib/seedvm/secrets.yaml": "passwords and keys, readable only by root",
    "/var/lib/seedvm/journal.jsonl": "what the engine did, one event per line",
    "/srv/seedvm/images": "the golden image and the deploy ramdisk",
}


def add_command(commands: Commands, shared: argparse.ArgumentParser) -> None:
    commands.add_parser(
        "manpage", parents=[shared], help="print the manual page; read it with: seedvm manpage | man -l -"
    ).set_defaults(handler=_manpage)


def _manpage(args: argparse.Namespace) -> int:
    from seedvm.cli import parser

    for line in page(commands_of(parser())):
        say(line)
    return EXIT_DONE


def page(commands: Iterable[CliCommand]) -> Iterator[str]:
    """The lines of the page, as man(7) describes them."""
    top, *rest = commands
    yield f'.TH SEEDVM 1 "" "seedvm {__version__}" "seedvm"'
    yield from (".SH NAME", rf"seedvm \- {_text(top.help)}")
    yield from (".SH SYNOPSIS", _text(top.usage))
    yield ".SH OPTIONS"
    yield from _terms(top.arguments)
    yield ".SH COMMANDS"
    for command in rest:
        yield from (f'.SS "{_text(command.name)}"', _text(f"{command.help}."), ".P", _text(command.usage))
        yield from _terms(one for one in command.arguments if one not in top.arguments)
    for title, terms in (("EXIT STATUS", EXIT_CODES), ("FILES", FILES)):
        yield f".SH {title}"
        for term, text in terms.items():
            yield from (".TP", f".B {_text(term)}", _text(text))


def _terms(arguments: Iterable[Argument]) -> Iterator[str]:
    for one in arguments:
        chosen = f"one of {', '.join(one.choices)}" if one.choices and not one.help else one.help
        yield from (".TP", f".B {_text(one.shown)}", _text(chosen or "see the usage"))


def _text(plain: str) -> str:
    """A line of text in which nothing is a request or an escape."""
    escaped = plain.replace("\\", r"\e").replace("-", r"\-").replace("`", r"\(ga").replace("'", r"\(aq")
    return rf"\&{escaped}" if escaped.startswith(".") else escaped
