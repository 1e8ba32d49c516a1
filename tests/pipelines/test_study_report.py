"""The page of a study's run is its JSON and nothing else, and says first what was asked and what came out."""

import copy
import html
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from personalize.evaluation.baselines import ORACLES
from personalize.evaluation.metrics import LOWER_IS_BETTER
from personalize.evaluation.targets import VIEWS
from personalize.protocols.registry import PROTOCOLS
from pipelines.personalization.shown import SHOWN
from pipelines.report import study_words
from pipelines.report.page import write_report
from pipelines.report.study import gathered_study, render_study, study_page
from pipelines.report.study_facts import (
    agreement,
    best_baseline,
    cells,
    main_model,
    on_phantoms,
    published,
    repeats,
    shown_metrics,
    worlds,
)
from pretrain.errors import RunFailure, UserError
from tests.pipelines.report.report_pages import Page, assert_true_to, at_pointer, browser, looked_at
from tests.pipelines.report.report_runs import renamed
from tests.support.study_results import BASELINES, NAME, PRIMARY, study_results, study_run, write_study

HOSTILE = {"pairwise": "<script>alert(1)</script>", "natural": '"><img src=x onerror=alert(2)>', "Rezaei": "<b>&amp;",
           "care homes": "<iframe src='x'>", "same person the": "$x_{1}$ </style>"}  # fmt: skip


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A page as `wince report` writes it: JSON, page, text, folder."""
    folder = tmp_path_factory.mktemp("study")
    run = study_run(folder / "run")
    assert write_report([run], folder / "page.html") == 0
    text = (folder / "page.html").read_text()
    return json.loads((folder / "page.json").read_text()), Page(text), text, folder


def rendered(folder, results):
    """JSON, page and text of these results, with a figure that is not drawn."""
    report = json.loads(json.dumps(gathered_study(write_study(folder / "run", results)), allow_nan=False))
    text = render_study(report, {each["name"]: b"not drawn" for each in report["figures"]})
    assert_true_to(report, Page(text))
    return report, Page(text), text


def top(text):
    return text[text.index('id="answer"') : text.index('id="scores"')]


def words(text):
    """What is read, without tags and with single spaces."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split())


def test_every_number_is_that_of_the_json(page):
    report, found, text, folder = page
    assert len(found.numbers) > 500
    assert_true_to(report, found)
    assert report["schema"] == "wince-study-report/1"
    assert text.startswith("<!doctype html>")
    assert report["results"] == json.loads((folder / "run" / "results.json").read_text())


def test_page_stands_alone_and_can_be_read_by_everybody(page):
    report, found, text, folder = page
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in found.tags}
    assert not re.search(r"""(src|href|action)=(?!"(data:image/png|#))|url\(|@import|https?:""", text)
    assert all(attributes["scope"] in ("col", "row", "rowgroup") for attributes in found.all("th"))
    anchors = {link["href"].removeprefix("#") for link in found.all("a")}
    assert anchors <= {attributes["id"] for _, attributes in found.tags if "id" in attributes}
    (picture,), (entry,) = found.all("img"), report["figures"]
    assert picture["alt"] == entry["alt"]
    assert "natural, tested honestly: group_kfold, pairwise: 0." in entry["alt"]
    with Image.open(folder / "page_figures" / "models.png") as image:
        assert image.size[0] > 800


def test_first_screen_has_question_answer_and_numbers(page):
    report, _, text, _ = page
    first, read, results = top(text), words(top(text)), report["results"]
    places = {(p["world"], p["slot"]): i for i, p in enumerate(results["parts"])}
    for world in ("natural", "one_face"):
        for slot in ("as_reported", "honest"):
            at, part = places[world, slot], results["parts"][places[world, slot]]
            row = next(i for i, r in enumerate(part["metrics"])
                       if (r["adaptation"], r["metric"], r["pooling"]) == ("pairwise", *PRIMARY.values()))  # fmt: skip
            for end in ("value", "low", "high"):
                assert f'data-at="/results/parts/{at}/metrics/{row}/{end}"' in first
        gap = next(i for i, g in enumerate(results["gaps"]) if (g["world"], g["adaptation"]) == (world, "pairwise"))
        assert f'data-at="/results/gaps/{gap}/difference"' in first
    for said in ("“With a reference of the same person", "Supported in natural , where it is true", "> 89 %",
                 "Not supported in one_face , where it is false", "[paper·abs: read in the paper's abstract]",
                 "[recall-: half remembered, do not quote]", "Partial : part of", "loss: squared error",
                 "LEAKY : tested as published", "frames of the person who is tested were trained on",
                 "Phantoms, not people : phantoms of 'dementia'", "No result here holds for people",
                 "Not a medical device", "Fewer than 20", "mean or commonest class of other people"):  # fmt: skip
        assert said in read, said
    assert "SMOKE" not in text
    assert "Not all has run" not in text


def test_numbers_of_a_leaky_protocol_never_go_without_the_word(page):
    _, _, text, _ = page
    scores = text[text.index('id="scores"') : text.index('id="figures"')]
    rows = [row for row in scores.split("<tr>") if '<td class="n">' in row]
    leaky = [row for row in rows if re.search(r'"/results/parts/[02]/', row)]
    assert len(leaky) == len(rows) / 2 == 16
    assert all('<span class="mark">LEAKY</span>' in row for row in leaky)
    assert not any("LEAKY" in row for row in rows if row not in leaky)


def test_smoke_is_said_first(tmp_path):
    _, _, text = rendered(tmp_path, study_results(smoke=True, size="smoke"))
    assert words(text).index("SMOKE : this run only shows") < words(text).index("“With a reference")


def test_unfinished_run_says_what_has_not_run(tmp_path):
    results = study_results(gaps=[])
    results["parts"] = results["parts"][:1]
    for cell in results["cells"]:
        cell["done"] = (cell["world"], cell["slot"]) == ("natural", "as_reported")
    report, _, text = rendered(tmp_path, results)
    assert (report["cells"]["done"], report["cells"]["all"], len(report["cells"]["missing"])) == (9, 36, 9)
    read = words(text)
    assert "Not tested honestly yet in natural" in read
    assert "Not all has run : 9 of 36 cells" in read
    assert "one_face, group_kfold, pairwise: seeds 0 , 1 , 2" in read
    assert "Tested honestly not run" in read


@pytest.mark.parametrize(
    "reported",
    [[], [{"what": "accuracy", "metric": "accuracy", "value": None, "text": "none is given", "mark": "unknown"}]],
)
def test_study_without_a_published_number(tmp_path, reported):
    report, _, text = rendered(tmp_path, study_results(study={"reported": reported, "inferred": []}))
    assert ("none is given" if reported else "no number was found") in top(text)
    assert "dotted line" not in report["figures"][0]["alt"]


def test_undefined_number_of_the_main_model_shows_its_reason(tmp_path):
    results = study_results()
    for part in results["parts"]:
        for row in part["metrics"]:
            if (row["adaptation"], row["metric"]) == ("pairwise", "accuracy"):
                row |= {"value": None, "low": None, "high": None, "interval": None, "reason": "nobody <was> there"}
        for row in part["claims"]:
            row |= {"estimate": None, "low": None, "high": None, "interval": None, "reason": "no unit in common",
                    "verdict": " ".join(["undefined", *row["marks"]])}  # fmt: skip
    for gap in results["gaps"]:
        gap |= {"difference": None, "low": None, "high": None, "interval": None, "reason": "fewer than two",
                "as_reported": None, "honest": None}  # fmt: skip
    _, _, text = rendered(tmp_path, results)
    assert top(text).count("nobody &lt;was&gt; there") == 4
    read = words(text)
    assert "Undefined in natural , where it is true: the difference is undefined: no unit in common." in read
    assert "undefined (fewer than two)" in read
    assert "accuracy of pairwise: nobody" in read
    assert "nan" not in text.lower()


def test_undefined_numbers_have_a_reason_in_the_page(page):
    report, _, text, _ = page
    metrics = [row for part in report["results"]["parts"] for row in part["metrics"]]
    reasons = {row["reason"] for row in metrics if row["value"] is None and row["pooling"] == "pooled"}
    read = words(text)
    assert reasons
    assert all(reason in read for reason in reasons)
    assert "sensitivity of everything: no threshold in the config" in read


def test_audit_that_is_not_as_expected_is_said(tmp_path):
    results = study_results()
    leaky, honest = results["parts"][:2]
    leaky["findings"], honest["findings"] = [], leaky["findings"]
    _, _, text = rendered(tmp_path, results)
    read = words(text)
    assert "The audit finds no leak, though this protocol is known to leak." in read
    assert f"The audit finds {len(honest['findings'])} leaks, though this protocol has to be honest" in read
    assert "The audit finds the leak, as expected" in read
    assert "Leak audit: none found" in read


def test_changed_record_proves_nothing(tmp_path):
    results = study_results()
    results["parts"][1]["claims"][0] |= {"verified": False, "verdict": "undefined", "reason": "claim.json was changed"}
    _, _, text = rendered(tmp_path, results)
    assert "was changed since, or is gone: its verdict proves nothing" in words(text)
    assert "Undefined in natural" in words(text)


def test_each_of_several_claims_has_its_own_truth(tmp_path):
    results = study_results()
    for part in results["parts"]:
        first = part["claims"][0]
        part["claims"][0] = first | {"truth": part["truth"]}
        part["claims"].append(first | {"truth": False, "claim": first["claim"] | {"says": "It is fast"}})
    _, _, text = rendered(tmp_path, results)
    read = words(text)
    assert "Also claimed: “It is fast” natural (where it is false): supported ; one_face (where it is false)" in read
    assert "natural : Faces at rest differ from person to person. (not all that is claimed is true here)" in read
    assert "one_face : All rest alike. (what is claimed is false here)" in read
    claims = words(text[text.index('id="claims"') : text.index('id="trust"')])
    assert claims.count(" right") == 6
    assert claims.count(" WRONG") == 2


def test_encoder_reference_and_unknown_truth_are_said(tmp_path):
    results = study_results(encoder="run@500", referenced=True, study={"data_substitute": None})
    for part in results["parts"]:
        part["truth"] = None
    _, _, text = rendered(tmp_path, results)
    assert "The pretrained encoder run@500 stands in place" in words(text)
    assert "(+ref)" in text
    assert "Phantoms" not in text
    assert "not known to be right" in text
    assert "is true here" not in text


def test_names_with_markup_stay_text(tmp_path):
    report, found, text = rendered(tmp_path, renamed(study_results(), HOSTILE))
    assert not {"script", "iframe"} & {tag for tag, _ in found.tags}
    assert len(found.all("img")) == 1
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert text.count("</style>") == 1
    assert "<script>alert(1)</script>" in report["figures"][0]["alt"]


@pytest.mark.skipif(browser() is None, reason="no Chromium on PATH")
def test_browser_shows_all_without_error_or_script(tmp_path):
    run = write_study(tmp_path / "run", renamed(study_results(), HOSTILE))
    assert study_page(run, tmp_path / "page.html") == 0
    data = looked_at((tmp_path / "page.html").read_text(), tmp_path)
    assert int(data["widths"]) > 800
    assert (data["scripts"], data["wide"], data["skip"]) == ("1", "0", "skip")  # the script is the test's own


def test_engine_and_command_write_the_same_page(page, tmp_path):
    _, _, text, folder = page
    assert study_page(folder / "run", tmp_path / "page.html") == 0
    assert (tmp_path / "page.html").read_text() == text
    assert (tmp_path / "page.json").read_text() == (folder / "page.json").read_text()


def test_page_is_of_one_study_only(page, tmp_path):
    run = page[3] / "run"
    for others in ([run, run], [tmp_path, run]):
        with pytest.raises(UserError, match="a page to itself"):
            write_report(others, tmp_path / "x.html")
    with pytest.raises(UserError, match="a report is a page"):
        write_report([run], tmp_path / "x.pdf")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda r: r | {"schema": "wince-study/2"}, UserError, "has schema wince-study/2"),
        (lambda r: {k: v for k, v in r.items() if k != "gaps"}, UserError, "it lacks 'gaps'"),
        (lambda r: r | {"parts": []}, UserError, "no metrics yet"),
        (lambda r: r["parts"][0]["metrics"][0].update(low=None) or r, RunFailure, "without its interval"),
        (lambda r: r["gaps"][0].update(difference=9.0, low=10.0) or r, RunFailure, "gap of single_frame"),
        (lambda r: r["parts"][1]["claims"][0].update(interval=None) or r, RunFailure, "claim 'With a reference"),
    ],
)
def test_results_that_may_not_be_shown_are_refused(tmp_path, change, error, message):
    run = write_study(tmp_path / "run", change(study_results()))
    with pytest.raises(error, match=message):
        study_page(run, tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_folder_that_is_no_study_is_refused(tmp_path):
    (tmp_path / "results.json").write_text(json.dumps({"metrics": []}))
    with pytest.raises(UserError, match="is not a run of `wince study`"):
        study_page(tmp_path, tmp_path / "page.html")


@given(st.data(), st.sampled_from(["accuracy", "mae"]))
def test_best_baseline_is_the_best_and_no_oracle(data, metric):
    number = st.none() | st.floats(0, 1)
    row = {"metric": metric, "pooling": "pooled", "subgroup": None, "k": 0}
    rows = [row | {"adaptation": name, "oracle": name in ORACLES, "value": data.draw(number)}
            for name in (*BASELINES, "mlp")]  # fmt: skip
    found = best_baseline({"metrics": rows}, {"metric": metric, "pooling": "pooled"})
    fair = [r["value"] for r in rows if not r["oracle"] and r["adaptation"] != "mlp" and r["value"] is not None]
    best = min if metric in LOWER_IS_BETTER else max
    assert (found and found["value"]) == (best(fair) if fair else None)


def test_main_model_is_the_claimed_one_else_the_last():
    results = study_results()
    assert main_model(results) == ("pairwise", 0)
    for part in results["parts"]:
        part["claims"][0]["claim"]["better"], part["claims"][0]["claim"]["than"] = (
            {"adaptation": "majority", "k": 0, "system": None},
            {"adaptation": "single_frame", "k": 0, "system": None},
        )
    assert main_model(results) == ("single_frame", 0)
    for part in results["parts"]:
        part["claims"] = []
    assert main_model(results) == ("pairwise", 0)
    assert main_model(results | {"parts": []}) is None


def test_gap_of_another_pooling_is_found_and_said(tmp_path):
    results = study_results(primary={"metric": "accuracy", "pooling": "pooled"})
    report, _, text = rendered(tmp_path, results)
    assert worlds(results)[0]["gap"]["difference"] == report["results"]["gaps"][2]["difference"]
    assert "12 people, mean over them" in words(top(text))
    assert "all units together" in top(text)


@pytest.mark.parametrize("kind", SHOWN)
def test_metrics_of_the_tables_follow_from_those_that_are_there(kind):
    last, first = SHOWN[kind][-1], SHOWN[kind][0]
    primary = {"metric": last, "pooling": "pooled"}
    rows = [{"metric": metric, "value": 0.5} for metric in VIEWS[kind]]
    assert shown_metrics({"metrics": rows}, primary) == (last, *SHOWN[kind][:-1])
    rows = [row | {"value": None} if row["metric"] in (first, last) else row for row in rows]
    assert shown_metrics({"metrics": rows}, primary) == (last, *SHOWN[kind][1:-1])


@pytest.mark.parametrize(
    ("verdict", "truth", "found"),
    [
        ("supported", True, "right"),
        ("supported", False, "wrong"),
        ("not supported", False, "right"),
        ("not supported", True, "wrong"),
        ("inconclusive", True, "left open"),
        ("undefined", False, "no answer"),
        ("supported", None, "not known"),
    ],
)
@pytest.mark.parametrize("marks", [[], ["LEAKY", "ORACLE"]])
def test_verdict_is_judged_by_what_is_true(verdict, truth, found, marks):
    row = {"verdict": " ".join([verdict, *marks]), "marks": marks}
    assert agreement(row, {"truth": truth}) == agreement(row | {"truth": truth}, {"truth": None}) == found


def test_two_parts_of_one_protocol_are_told_apart(tmp_path):
    results = study_results()
    results["parts"].append(copy.deepcopy(results["parts"][1]))
    assert repeats(results) == ["", "", "", "", " (2)"]
    report, _, text = rendered(tmp_path, results)
    assert "tested honestly: group_kfold (2)" in words(text)
    assert report["figures"][0]["caption"].endswith("Other protocols and models are in the tables.")


def test_leak_of_a_protocol_that_is_honest_in_itself_is_explained(tmp_path):
    results = study_results()
    results["parts"][0] |= {"protocol": "loso LEAKY", "because": "features are chosen with the people of the test"}
    _, _, text = rendered(tmp_path, results)
    said = "everybody in turn is predicted by models of the others; but features are chosen with the people of the test"
    assert said in words(top(text))


def test_marks_of_models_are_explained(tmp_path):
    results = study_results()
    for row in results["parts"][0]["metrics"]:
        row["oracle"] = row["adaptation"] != "majority"
    _, _, text = rendered(tmp_path, results)
    assert "ORACLE : uses test labels: a bound, no system." in words(top(text))
    assert "ORACLE" in top(text).split("random_frame")[0]


def test_published_number_is_of_the_same_metric_where_there_is_one():
    results = study_results()
    assert published(results)["text"] == "> 89 %"
    assert published(results | {"primary": {"metric": "auroc", "pooling": "pooled"}})["text"] == "0.93"
    assert published(results | {"primary": {"metric": "mae", "pooling": "pooled"}})["text"] == "> 89 %"
    assert published(study_results(study={"reported": []})) is None


def test_cells_are_counted():
    results = study_results()
    assert cells(results) == {"all": 36, "done": 36, "missing": []}
    assert on_phantoms(results)


def test_every_mark_and_protocol_has_words():
    from personalize.studies.config import MARKS

    assert {*study_words.KNOWN} == {*MARKS}
    assert {*study_words.PROTOCOLS} == {*PROTOCOLS}


def test_numbers_of_the_page_are_those_of_the_run(page):
    report, found, _, _ = page
    ats = {attributes["data-at"] for attributes, _ in found.numbers}
    assert all(at_pointer(report, at) is not None for at in ats)
    assert NAME in report["results"]["study"]["name"]
