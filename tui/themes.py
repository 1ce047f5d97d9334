"""Colours: dark and light for terminals of 256 and of all colours, and one of the terminal's own 16. Amber is normal and not yet; red is
failed, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from textual.theme import BUILTIN_THEMES, Theme

_DARK = Theme(
    name="dark",
    primary="#5f87d7",
    secondary="#87afd7",
    accent="#87d7d7",
    warning="#ffaf5f",
    error="#ff5f5f",
    success="#87d787",
    foreground="#d7d7d7",
    background="#121212",
    surface="#1c1c1c",
    panel="#262626",
    boost="#303030",
    variables={
        "bar": "#303a4a", "on-bar": "#e4e4e4", "track": "#303030", "marked": "#2f4a6f", "busy": "#5fafff", "dim": "#8a8a8a",
        "lamp": "#875f00", "on-lamp": "#ffffff", "lamp-safe": "#00875f", "lamp-failed": "#af0000",
    },
)  # fmt: skip
_LIGHT = Theme(
    name="light",
    primary="#005faf",
    secondary="#5f87af",
    accent="#005f87",
    warning="#875f00",
    error="#af0000",
    success="#005f00",
    foreground="#1c1c1c",
    background="#eeeeee",
    surface="#e4e4e4",
    panel="#dadada",
    boost="#d0d0d0",
    dark=False,
    variables={
        "bar": "#c6d4e6", "on-bar": "#1c1c1c", "track": "#d0d0d0", "marked": "#afc7e6", "busy": "#005faf", "dim": "#626262",
        "lamp": "#ffd787", "on-lamp": "#1c1c1c", "lamp-safe": "#afd787", "lamp-failed": "#ffafaf",
    },
)  # fmt: skip
_SIXTEEN = replace(
    BUILTIN_THEMES["ansi-dark"],
    name="16-colours",
    accent="ansi_cyan",
    variables={
        **BUILTIN_THEMES["ansi-dark"].variables,
        "bar": "ansi_blue", "on-bar": "ansi_bright_white", "track": "ansi_bright_black", "marked": "ansi_blue",
        "busy": "ansi_cyan", "dim": "ansi_bright_black",
        "lamp": "ansi_yellow", "on-lamp": "ansi_black", "lamp-safe": "ansi_green", "lamp-failed": "ansi_red",
    },
)  # fmt: skip
THEMES = (_DARK, _LIGHT, _SIXTEEN)


def theme_for(env: Mapping[str, str]) -> str:
    """The theme that a terminal can show: by SEEDVM_THEME where it names one, else by its number of colours and its background, where it
    tells of it (COLORFGBG)."""
    if (wanted := env.get("SEEDVM_THEME", "")) in {theme.name for theme in THEMES}:
        return wanted
    if not (
        env.get("COLORTERM", "") in ("truecolor", "24bit")
        or "256color" in env.get("TERM", "")
        or "direct" in env.get("TERM", "")
    ):
        return "16-colours"
    behind = env.get("COLORFGBG", "").rpartition(";")[2]
    return "light" if behind in ("7", "15") else "dark"
