"""The pages in a real browser: no console message, no request, no sideways scroll, and zoom works."""

from pathlib import Path

import pytest
from browser import CHROMIUM, browser
from report_builder import events
from typer.testing import CliRunner

from aqa.cli import app
from aqa.report.pages import report_event

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="Chromium is not installed (Debian: apt-get install chromium)"
)
DEMO = Path(__file__).parents[2] / "data" / "demo"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    arguments = ["analyze", str(DEMO), "--data", str(folder / "data"), "--reports", str(folder / "reports")]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    for name, made in events().items():
        report_event(made, root=folder, out=folder / "reports" / name.replace(" ", "-"))
    return folder / "reports"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_no_message_no_request_no_sideways_scroll(page, reports, width, dark):
    for path in sorted(reports.rglob("*.html")):
        assert page.load(path, width=width, dark=dark) == ([], []), path
        assert page.ask("document.documentElement.scrollWidth") <= width, path
        assert page.ask("document.querySelectorAll('h1').length") == 1, path


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_with_every_part_open_only_tables_scroll(page, reports, width, dark):
    assert page.load(reports / "played" / "e1" / "report.html", width=width, dark=dark) == ([], [])
    page.ask("document.querySelectorAll('details').forEach(function (d) { d.open = true; })")
    assert page.ask("document.querySelectorAll('details[open] svg.plot').length") >= 3
    assert page.ask("document.documentElement.scrollWidth") <= width
    wide = "Array.from(document.querySelectorAll('.stream svg.plot, .stream .parts > div'))"
    assert page.ask(f"{wide}.every(function (e) {{ return e.getBoundingClientRect().right <= {width}; }})")


def test_the_small_kinds_of_packets_appear_when_the_view_is_close(page, reports):
    page.load(reports / "played" / "e1" / "report.html", width=1280)
    shown = "document.querySelector('g.close').getAttribute('visibility')"
    assert page.ask(shown) is None  # ten minutes fit
    page.ask("document.querySelector('g.close').dataset.most = 599")
    page.ask("document.querySelector('[data-do=all]').click()")
    assert page.ask(shown) == "hidden"
    page.ask("document.querySelector('[data-do=in]').click()")
    assert page.ask(shown) is None


def test_zoom_pan_and_address(page, reports):
    page.load(reports / "demo" / "report.html", width=1280)
    assert page.ask("document.querySelector('.toolbar').hidden") is False
    before = page.ask("document.getElementById('view').textContent")
    page.ask("document.querySelector('[data-do=in]').click()")
    assert page.ask("location.hash").startswith("#t=")
    assert page.ask("document.getElementById('view').textContent") != before
    assert page.ask("document.querySelector('.lane:nth-of-type(3) .view').getAttribute('width')") == "200%"
    page.ask("document.querySelector('[data-do=right]').click()")
    page.ask("document.querySelector('[data-do=all]').click()")
    assert page.ask("document.getElementById('view').textContent") == before
    page.ask("document.querySelector('[data-do=clock]').click()")
    assert "event time" in page.ask("document.getElementById('view').textContent")


def test_it_reads_without_scripts(page, reports):
    page.load(reports / "demo" / "report.html", width=1280, scripts=False)
    root = page.call("DOM.getDocument")["root"]["nodeId"]
    marks = page.call("DOM.querySelectorAll", nodeId=root, selector="rect.mark")["nodeIds"]
    assert len(marks) >= 2


def test_clips_can_be_played(page, reports):
    page.load(reports / "demo" / "report.html", width=1280)
    page.ask("window.a = document.querySelector('audio'); a.preload = 'auto'; a.load()")
    for _ in range(200):
        if page.ask("a.readyState") >= 1 or page.ask("a.error !== null"):
            break
    assert page.ask("a.error === null")
    assert page.ask("a.duration") == pytest.approx(5.28, abs=0.1)
    assert page.ask("document.querySelector('figure img').naturalWidth") == 360
