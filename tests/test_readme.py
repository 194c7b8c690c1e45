"""What the README shows is what the program does."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aqa.cli import app
from aqa.detector import registry

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def block(mark):
    return re.search(rf"<!-- {re.escape(mark)} -->\n```\n(.*?)```\n", README, re.DOTALL).group(1)


def test_the_table_of_detectors_is_the_registry():
    rows = "".join(f"| `{d.kind}` | {d.source} | {d.summary} |\n" for d in registry().values())
    assert f"<!-- detectors: from the registry -->\n| kind | looks at | finds |\n|---|---|---|\n{rows}\n" in README, (
        rows
    )


def test_the_demo_s_output_is_real(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = CliRunner().invoke(app, ["analyze", str(ROOT / "data" / "demo")])
    assert block("demo: what `aqa analyze data/demo` prints") == ran.stderr.replace("\N{NO-BREAK SPACE}", " ")
    shown = CliRunner().invoke(app, ["show", "demo"]).stdout
    assert block("demo: what `aqa show demo` prints") == shown.replace("\N{NO-BREAK SPACE}", " "), shown


@pytest.mark.parametrize("target", ["demo", "test"])
def test_the_commands_of_the_readme_are_in_the_makefile(target):
    assert f"    make {target}\n" in README
    assert f"\n{target}:" in (ROOT / "Makefile").read_text()


def test_links_inside_the_project_lead_somewhere():
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / link).exists(), link
