"""What stands in a list instead of a value: templates and variables of any language, hidden values, references to a vault, words for
nothing. A real password may look odd ("{secret}", "$ecret1", "<3kittens>"): only what is certainly no value is refused.
"""

from __future__ import annotations

import re

MOST = 1000
"""Characters of a value: what is longer is no name, address or password, and would keep the patterns busy."""
_WORD = r"(?:pass(?:word|wd|wort)?|pwd|pw|secret|user(?:name)?|token|credentials?|vault)"
_NAMED = rf"[\w .:/-]*{_WORD}[\w .:/-]*"
_STORE = (
    r"(?:vault|safe|tresor|key ?pass|keepass\w*|1 ?password|lastpass|bitwarden|passbolt|password (?:safe|manager|store)|wiki|label"
    r"|sticker|ticket|note)"
)
_NOTHING = re.compile(
    r"-{1,3}|_{1,}|\.{1,3}|\u2026|n[/.]?a\.?|k\.\s?a\.|\(?none\)?|null|nil|nan|undefined|unset|not set|\(?(?:empty|blank)\)?"
    r"|tb[acd]|todo|fixme|to be (?:defined|determined|confirmed|announced|done)|unknown|\?+|\u2013|\u2014",
    re.IGNORECASE,
)
_TEMPLATE = re.compile(
    r".*(?:\{\{.*\}\}|\{%.*%\}|<%.*%>).*|[#@%]\{.*\}|\[\[.*\]\]|\(\(.*\)\)|%\(\w+\)s|\{[\w .:-]*(?:pass(?:word|wd)?|pwd)[\w .:-]*\}",
    re.DOTALL | re.IGNORECASE,
)
_SHELL = re.compile(
    r"\$\(.*\)|.*\$\{.*\}.*|`[^`]+`|\$[Ee]nv:.*|\$[A-Z][A-Z0-9]*_[A-Z0-9_]*|\$[a-z][a-z0-9]*_[a-z0-9_]*"
    r"|\$\w*(?:PASS|PWD|SECRET|TOKEN|CRED|USER)\w*|\$[a-z]*[Pp](?:ass(?:word|wd)?|wd|w)|%[A-Z][A-Z0-9_]*%",
    re.DOTALL,
)
_VAULT = re.compile(
    r"!vault\b.*|\$ANSIBLE_VAULT;.*|env:.*|ref\+\w+:.*|ENC\[.*\]|\{(?:cipher|vault|aes)\}.*|lookup\(.*\)|(?:op|ssm|secrets?|aws\w*|gcp|gsm|akv|azkv|keepass\w*|bitwarden|vault|conjur|file|pass|sops)[\w-]*://.*"
    r"|(?:vault|ssm|secrets?|sops|pass|op|file):[^\s:]*[/#].*|arn:aws\S*:.*|@Microsoft\.KeyVault\(.*|-----BEGIN .*"
    r"|!(?:encrypted|secret)|!(?:ref|sub|getatt|importvalue|secret|encrypted|include|env|file)\s.*",
    re.DOTALL | re.IGNORECASE,
)
_VAULT_PATH = re.compile(r"vault:.*", re.DOTALL)
_HIDDEN = re.compile(
    r"\*{3,}(?:\s*\(.*\))?|[\u2022\u25cf]{3,}|x{4,}|[\[<({*-]*(?:redacted|hidden|masked|removed|censored|sensitive)(?: value)?[\]>)}*-]*"
    r"|\w+\('\*+'\)|\$encrypted\$|VALUE_SPECIFIED_IN_NO_LOG_PARAMETER",
    re.IGNORECASE,
)
_MARKED = re.compile(
    rf"<[A-Za-z .:_-]+>|<<?{_NAMED}>>?|\[{_NAMED}\]|([%@#~$_])\1?{_NAMED}\1{{1,2}}|(?:your|the|my)[ _-]?pass(?:word|wd)?(?:[ _-]here)?"
    rf"|(?:put|enter|insert|add|use|change|replace)[ _-](?:your[ _-]|the[ _-]|my[ _-])?{_NAMED}|your[ _-]{_NAMED}|replace[ _-]?me"
    r"|\w+[_-]HERE",
    re.IGNORECASE,
)
_ELSEWHERE = re.compile(
    rf"(?:see|siehe|ask|refer to)\s.*|(?:in|on|from|im|am)\s(?:the\s|der\s|dem\s)?{_STORE}.*"
    r"|(?:same|as|wie|same as)\s(?:above|below|before|oben)|ditto|same|dto\.?|[\"\u201d\u3003]",
    re.DOTALL | re.IGNORECASE,
)
_HASH = re.compile(
    r"\$(?:1|2[abxy]?|5|6|7|y|apr1|argon2\w*)\$.{8,}|\{(?:S?SHA\d*|S?MD5|CRYPT|bcrypt|PBKDF2\w*)\}.{8,}", re.IGNORECASE
)
_EXCEL_ERROR = re.compile(r"#(?:N/A|REF!|NAME\?|VALUE!|DIV/0!|NULL!|NUM!|SPILL!|CALC!)")
_FORMULA = re.compile(r"=[A-Z][A-Z0-9.]*\(.*\)|=\$?[A-Z]{1,3}\$?[0-9]+", re.DOTALL)


def is_nothing(text: str) -> bool:
    """Whether a text is a word for nothing, as "n/a" is."""
    return bool(_NOTHING.fullmatch(text.strip()))


def refuse_placeholder(text: str) -> None:
    """Raise ValueError for what a tool should have replaced by a value, or hid: it would be tried as it stands."""
    text, whole = text.strip()[:MOST], text
    vault = "is kept in a vault or elsewhere: put the value in, or decrypt the list first"
    for pattern, reason in (
        (_VAULT, vault),
        (_VAULT_PATH, vault),
        (_HIDDEN, "is hidden in this list (stars or a word instead of the value): put the value in"),
        (_SHELL, "is a shell variable or command that was not replaced by its value"),
        (_HASH, "is a hash of a password, not the password"),
        (_EXCEL_ERROR, "is an error of the spreadsheet"),
        (_FORMULA, "is a formula: save its value"),
        (_TEMPLATE, "is a template that was not replaced by its value"),
        (_MARKED, "is a placeholder: put the value in"),
        (_ELSEWHERE, "says where the value is, not what it is: put the value in"),
    ):
        if pattern.fullmatch(text):
            raise ValueError(reason)
    if len(whole) > MOST:
        raise ValueError(f"is longer than {MOST} characters")
