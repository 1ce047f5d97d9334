"""What the documents say of the code is so."""

from __future__ import annotations

import ast
import re

import pytest
import yaml

from seedvm.rack.demo_site import site_tree
from seedvm.site.load import parse_site
from tests.rules.test_linters import ROOT

ARCHITECTURE = (ROOT / "docs/architecture.md").read_text()


def blocks(language: str) -> list[str]:
    """The fenced blocks of one language in docs/architecture.md."""
    return re.findall(rf"^```{language}\n(.*?)^```", ARCHITECTURE, flags=re.M | re.S)


def classes(text: str) -> dict[str, dict[str, list[str]]]:
    """Class -> method (or field, or property) -> its parameters' names."""
    found: dict[str, dict[str, list[str]]] = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef):
            members = found.setdefault(node.name, {})
            for part in node.body:
                if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
                    properties = [ast.unparse(one) for one in part.decorator_list] == ["property"]
                    named = [one.arg for one in (*part.args.args, *part.args.kwonlyargs)]
                    members[part.name] = [] if properties else named
                elif isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
                    members[part.target.id] = []
    return found


@pytest.mark.parametrize("name", ["Done", "Todo", "Blocked", "Report", "Step"])
def test_the_contract_in_the_documentation_is_that_of_the_code(name: str) -> None:
    code = classes((ROOT / "seedvm/engine/step.py").read_text())
    assert classes("\n".join(blocks("python")))[name] == code[name]


def test_the_site_in_the_documentation_is_the_demos_and_is_accepted() -> None:
    site = parse_site(next((text for text in blocks("yaml") if text.startswith("site:")), ""))
    demo = parse_site(yaml.safe_dump(site_tree()))
    assert (site.bmc.targets, site.provisioning) == (demo.bmc.targets, demo.provisioning)


@pytest.mark.parametrize("document", ["README.md", "docs/laptop.md"])
def test_a_newcomer_is_told_where_the_command_is_before_the_first_one(document: str) -> None:
    text = (ROOT / document).read_text()
    first = re.search(r"(?<![\w/])seedvm (host|scan|plan|wizard|run)\b", text)
    assert first and ".venv/bin/seedvm" in text[: first.start()]


def test_the_developers_page_lists_every_package() -> None:
    rows = "\n".join(re.findall(r"^\| (`.*?) \|", (ROOT / "CONTRIBUTING.md").read_text(), flags=re.M))
    packages = {f"seedvm/{path.parent.name}" for path in (ROOT / "seedvm").glob("*/__init__.py")}
    assert not packages - set(re.findall(r"`([^`]+)`", rows))
