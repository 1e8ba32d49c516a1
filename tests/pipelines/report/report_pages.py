"""A page of the report as the tests read it: its numbers, pictures, links and tags."""

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from pipelines.report.gather import gathered
from pipelines.report.page import render, write_report

LOOK = """<script>
document.documentElement.dataset.widths = [...document.images].map(i => i.naturalWidth).join(",");
document.documentElement.dataset.scripts = document.scripts.length;
document.documentElement.dataset.wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
document.querySelector(".skip").focus();
document.documentElement.dataset.skip = document.activeElement.className;
</script>"""


class Page(HTMLParser):
    """What is in a page; `numbers` are (attributes, text) of its `<data>`."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.numbers: list[tuple[dict[str, Any], str]] = []
        self.tags: list[tuple[str, dict[str, Any]]] = []
        self.words: list[str] = []
        self._open = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._open = tag == "data"
        if self._open:
            self.numbers.append((dict(attrs), ""))

    def handle_endtag(self, tag):
        self._open = False

    def handle_data(self, data):
        self.words.append(data)
        if self._open:
            self.numbers[-1] = (self.numbers[-1][0], data)

    def all(self, tag: str) -> list[dict[str, Any]]:
        """Attributes of all elements of a kind."""
        return [attributes for name, attributes in self.tags if name == tag]


def written(folder: Path, *runs: Path) -> tuple[dict[str, Any], Page, str]:
    """`report.json`, the page and its text."""
    assert write_report(list(runs), folder / "report.html") == 0
    text = (folder / "report.html").read_text()
    return json.loads((folder / "report.json").read_text()), Page(text), text


def rendered(*runs: Path) -> tuple[dict[str, Any], Page, str]:
    """The same without files, and with figures that are not drawn."""
    report = json.loads(json.dumps(gathered(runs), allow_nan=False))
    text = render(report, {each["name"]: b"not drawn" for each in report["figures"]})
    return report, Page(text), text


def at_pointer(value: Any, pointer: str) -> Any:
    """What a JSON pointer (RFC 6901) points at."""
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        value = value[int(key) if isinstance(value, list) else key]
    return value


def assert_true_to(report: dict[str, Any], page: Page) -> None:
    """Every number of the page is that of `report.json` at its pointer, and its text is rounded from it."""
    assert page.numbers
    for attributes, text in page.numbers:
        value = at_pointer(report, attributes["data-at"])
        assert isinstance(value, int | float), attributes
        assert not isinstance(value, bool)
        assert float(attributes["value"]) == value, attributes
        assert text == format(value, attributes["data-format"]).replace("-", "−"), attributes


def browser() -> str | None:
    """A browser without a window, if there is one."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def looked_at(text: str, folder: Path) -> dict[str, str]:
    """What a browser of 420 pixels' width finds in a page (see `LOOK`); it may write nothing to its console."""
    looked = folder / "looked.html"
    looked.write_text(text.replace("</body>", f"{LOOK}</body>"))
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync",
               "--disable-component-update", "--no-first-run", f"--user-data-dir={folder / 'profile'}",
               "--window-size=420,900", "--enable-logging=stderr", "--dump-dom"]  # fmt: skip
    command = [str(browser()), *options, looked.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "CONSOLE" not in done.stderr
    return dict(re.findall(r'data-(widths|scripts|wide|skip)="([^"]*)"', done.stdout[:2000]))
