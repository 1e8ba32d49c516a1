"""The page is `report.json` and nothing else, safe with any name, and right where runs lack something."""

import base64
import io
import json
import re
from pathlib import Path

import pytest
from PIL import Image

from pipelines.report.figures.style import INK, MUTED
from pipelines.report.page import render
from tests.pipelines.report.report_pages import assert_true_to, browser, looked_at, rendered, written
from tests.pipelines.report.report_runs import changed, classes_run, grown, numbers_run, with_names

HOSTILE = {
    "sub-03": "<script>alert(1)</script>",
    "vas": '"><img src=x onerror=alert(2)>',
    "linear world": "$x_{1}$ <b>",
}
FIGURES = ("differences", "per_person", "labels", "events", "confusion", "reliability", "decision", "course")
NEW = ("schema", "event", "calibration", "reliability", "decision", "alarms", "prevalence", "subgroups", "participants",
       "missed", "sample_size", "described", "claims")  # fmt: skip


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The report of a run on numbers: report.json, page, text."""
    return written(tmp_path_factory.mktemp("page"), numbers_run("good"))


def test_every_number_is_that_of_the_json(page):
    report, found, _ = page
    assert report["schema"] == "wince-report/1"
    assert len(found.numbers) > 500
    assert_true_to(report, found)
    results = json.loads((numbers_run("good") / "results.json").read_text())
    assert report["runs"][0]["results"] == results


def test_page_stands_alone_and_its_figures_are_whole(page):
    report, found, text = page
    assert [each["name"] for each in report["figures"]] == list(FIGURES)
    for picture, entry in zip(found.all("img"), report["figures"], strict=True):
        assert picture["alt"] == entry["alt"]
        assert len(entry["alt"]) > 60
        with Image.open(io.BytesIO(base64.b64decode(picture["src"].removeprefix("data:image/png;base64,")))) as image:
            assert image.size[0] > 800
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in found.tags}
    assert not re.search(r"""(src|href|action)=(?!"(data:image/png|#))|url\(|@import|https?:""", text)
    for attributes in found.all("th"):
        assert attributes["scope"] in ("col", "row", "rowgroup")
    anchors = {link["href"].removeprefix("#") for link in found.all("a")}
    assert anchors <= {attributes["id"] for _, attributes in found.tags if "id" in attributes}
    assert found.all("html")[0]["lang"] == "en"


def test_first_screen_says_what_was_asked_and_the_answer(page):
    report, _, text = page
    claim = report["runs"][0]["results"]["claims"][0]
    top = text[text.index('id="answer"') : text.index('id="people"')]
    said = ("three labels help", claim["verdict"].capitalize(), "Not a medical device", "no alarm", "Fewer than 20")
    for words in (*said, "person's own report", "Time gap", "invented"):
        assert words in top
    order = [text.index(f'id="{name}"') for name in ("answer", "people", "scores", "figures", "usefulness", "groups",
                                                      "trust", "limits", "checklist", "records")]  # fmt: skip
    assert order == sorted(order)
    status = {item["number"]: item["status"] for item in report["checklist"]}
    assert (status["17"], status["8b"], status["18d"]) == ("missing", "filled", "filled")


def test_subgroup_of_one_is_not_shown_and_said(page):
    report, _, text = page
    assert "fewer than 3 people: not shown" in text
    alone = [r for r in report["runs"][0]["results"]["subgroups"]["rows"] if (r["column"], r["level"]) == ("sex", "M")]
    assert alone
    assert all(row["value"] is None and row["n_participants"] == 1 for row in alone)


def test_number_that_is_not_in_the_json_is_refused(page, monkeypatch):
    made = {"run": None, "first": {"target": 0.5, "cohort": "a"}}
    monkeypatch.setattr("pipelines.report.page.content", lambda loaded: {**made, "run": {"name": "x"}})
    with pytest.raises(TypeError, match=r"0\.5 is not a number of report\.json"):
        render(page[0], {})


def test_two_runs_stand_side_by_side():
    report, found, text = rendered(numbers_run("good"), numbers_run("poor", blur=6.0))
    assert_true_to(report, found)
    assert report["comparisons"]
    assert any(attributes["data-at"].startswith("/comparisons/") for attributes, _ in found.numbers)
    assert any(attributes["data-at"].startswith("/runs/1/") for attributes, _ in found.numbers)
    assert "poor: neutral reference + personalised, k\u00a0=\u00a03" in text


def test_runs_of_different_cohorts_are_not_compared(tmp_path):
    def moved(results):
        for row in results["metrics"]:
            row["cohort"] = row["train_cohort"] = "other ward"
        return results

    other = changed(numbers_run("good"), tmp_path / "run", moved)
    report, found, text = rendered(numbers_run("good"), other)
    assert_true_to(report, found)
    assert not [row for row in report["comparisons"] if row["a"]["run"] != row["b"]["run"]]
    assert "different cohorts (linear world; other ward), so no paired difference can be made" in text
    assert "good (other ward): population model" in text


def test_metric_that_is_null_everywhere_is_undefined(tmp_path):
    def null(results):
        for key in ("metrics", "comparisons", "intervals", "claims"):
            for row in results[key]:
                if row.get("metric", "mae") == "mae":
                    value = "difference" if key == "comparisons" else "estimate" if key == "claims" else "value"
                    row |= {value: None, "low": None, "high": None, "interval": None, "reason": "nothing to see"}
        results["claims"][0]["verdict"] = "undefined"
        return results

    report, found, text = rendered(changed(numbers_run("good"), tmp_path / "run", null))
    assert_true_to(report, found)
    assert "The difference is undefined: nothing to see." in text
    assert "nan" not in text.lower().replace("maintenance", "")
    assert "labels" not in {each["name"] for each in report["figures"]}


def test_run_of_an_older_version_says_what_it_lacks(tmp_path):
    old = changed(numbers_run("good"), tmp_path / "run", lambda r: {k: v for k, v in r.items() if k not in NEW})
    report, found, text = rendered(old)
    assert_true_to(report, found)
    assert text.count(": not in this run.") == 7
    assert "No claim was stated beforehand" in text
    assert "Not recorded" in text


def test_classes_with_markup_and_unknown_raters():
    report, found, text = rendered(classes_run())
    assert_true_to(report, found)
    assert not found.all("i")
    assert "somebody who is not recorded" in text
    assert "it can only be an observer's" in text
    assert {"confusion", "events", "reliability"} <= {each["name"] for each in report["figures"]}


@pytest.mark.long
def test_five_hundred_people_are_folded(tmp_path):
    report, found, text = written(tmp_path, grown(numbers_run("good"), tmp_path / "run", 500))
    assert_true_to(report, found)
    assert len(text) < 5e6
    assert len(report["runs"][0]["results"]["participants"]["rows"]) == 500
    assert len(next(each for each in report["figures"] if each["name"] == "per_person")["data"]["people"]) == 500
    assert len(set(re.findall(r"sub-\d{4}", text))) < 120
    assert text.count("all are in report.json") == 2


@pytest.mark.skipif(browser() is None, reason="no Chromium on PATH")
def test_browser_shows_all_without_error_or_script(tmp_path):
    hostile = with_names(numbers_run("good"), tmp_path / "run", HOSTILE)
    report, found, text = written(tmp_path, hostile)
    assert_true_to(report, found)
    assert not found.all("script")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    data = looked_at(text, tmp_path)
    assert [int(width) > 800 for width in data["widths"].split(",")] == [True] * len(report["figures"])
    assert (data["scripts"], data["wide"], data["skip"]) == ("1", "0", "skip")  # the script is the test's own


@pytest.mark.parametrize("scheme", [0, 1])
def test_text_stands_out_in_light_and_dark(scheme):
    style = (Path(__file__).parents[3] / "pipelines/report/templates/style.css").read_text()
    colours = [
        dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6})", part)) for part in re.findall(r":root \{([^}]*)\}", style)
    ]
    colours = colours[0] | (colours[1] if scheme else {})
    for ink in ("ink", "muted", "good", "bad", "link"):
        for paper in ("paper", "back"):
            assert contrast(colours[ink], colours[paper]) >= 4.5, (ink, paper)
    assert contrast(colours["ink"], colours["warn"]) >= 4.5


def test_contrast_is_that_of_the_guideline():
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#fff") == pytest.approx(4.48, abs=0.01)
    assert min(contrast(INK, "#fff"), contrast(MUTED, "#fff")) > 4.5


def contrast(a: str, b: str) -> float:
    """WCAG 2.1's ratio of relative luminances."""

    def luminance(colour: str) -> float:
        full = colour[1:] if len(colour) == 7 else "".join(2 * c for c in colour[1:])
        parts = [int(full[i : i + 2], 16) / 255 for i in (0, 2, 4)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)
