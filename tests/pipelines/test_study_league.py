"""The league table: a row for each study, the same numbers as page and CSV, none of a smoke run."""

import csv
import json
import re

import pytest

from pipelines.study.league import league_row, write_league
from pretrain.errors import UserError
from tests.pipelines.report.report_pages import Page
from tests.pipelines.report.report_runs import renamed
from tests.support.study_results import PRIMARY, study_results, study_run, write_study

S18 = {"name": "s18_bargshady_2020", "number": 18, "authors": "Bargshady et al.", "year": 2020, "reported": []}


def unfinished(**study):
    """Results of which only the first part has run."""
    results = study_results(study=study, gaps=[])
    results["parts"] = results["parts"][:1]
    for cell in results["cells"]:
        cell["done"] = (cell["world"], cell["slot"]) == ("natural", "as_reported")
    return results


def table(file):
    """The rows of a CSV."""
    with file.open(newline="") as opened:
        return list(csv.DictReader(opened))


@pytest.fixture(scope="module")
def league(tmp_path_factory):
    """A table of three runs of which one is of size smoke: folder, rows of the CSV, page, its text."""
    folder = tmp_path_factory.mktemp("league")
    runs = [study_run(folder / "s36"), study_run(folder / "smoke", smoke=True, size="smoke", study={"number": 1}),
            write_study(folder / "s18", unfinished(**S18))]  # fmt: skip
    assert write_league(runs, folder / "table") == 0
    text = (folder / "table.html").read_text()
    return folder, table(folder / "table.csv"), Page(text), text


def test_rows_are_sorted_and_smoke_is_left_out(league):
    _, rows, _, text = league
    assert [row["number"] for row in rows] == ["18", "36"]
    assert "smoke" not in text
    assert [row["run"] for row in rows] == ["s18", "s36"]


def test_every_number_of_the_page_is_that_of_the_csv(league):
    _, rows, page, _ = league
    assert len(page.numbers) > 20
    for attributes, text in page.numbers:
        _, line, column = attributes["data-at"].split("/")
        assert float(attributes["value"]) == float(rows[int(line)][column])
        form = attributes["data-format"].replace("d", ".0f")
        assert text == format(float(attributes["value"]), form).replace("-", "−")


def test_row_has_the_numbers_of_the_run(league):
    row, results = league[1][1], study_results()
    by_slot = {part["slot"]: part for part in results["parts"] if part["world"] == "natural"}
    for slot, part in by_slot.items():
        found = next(r for r in part["metrics"]
                     if (r["adaptation"], r["metric"], r["pooling"]) == ("pairwise", *PRIMARY.values()))  # fmt: skip
        assert [float(row[f"{slot}{end}"]) for end in ("", "_low", "_high")] == [
            found[k] for k in ("value", "low", "high")
        ]
        assert row[f"{slot}_protocol"] == part["protocol"].removesuffix(" LEAKY")
    assert (row["as_reported_marks"], row["honest_marks"]) == ("LEAKY", "")
    gap = next(g for g in results["gaps"] if (g["world"], g["adaptation"]) == ("natural", "pairwise"))
    ends = [gap[key] for key in ("difference", "low", "high")]
    assert [float(row[key]) for key in ("gap", "gap_low", "gap_high")] == ends
    fair = [r["value"] for r in by_slot["honest"]["metrics"]
            if r["metric"] == "accuracy" and r["pooling"] == PRIMARY["pooling"] and not r["oracle"]
            and r["adaptation"] in ("majority", "elapsed_time", "permuted_within")]  # fmt: skip
    assert float(row["baseline"]) == max(fair)
    assert (row["published_text"], row["published_value"], row["published_mark"]) == ("> 89 %", "0.89", "paper·abs")
    assert row["claims"].endswith("on a single frame: natural (true): supported, one_face (false): not supported")
    assert row["claims_as_reported"].count("LEAKY") == 2
    assert (row["size"], row["status"], row["cells"], row["cells_run"]) == ("default", "partial", "36", "36")


def test_unfinished_run_is_there_with_what_has_not_run(league):
    _, rows, _, text = league
    assert (rows[0]["honest"], rows[0]["gap"], rows[0]["baseline"], rows[0]["published_text"]) == ("", "", "", "")
    assert (rows[0]["cells"], rows[0]["cells_run"]) == ("36", "9")
    said = " ".join(re.sub(r"<[^>]*>", "", text).split())
    assert "s18_bargshady_2020: 9 of 36 cells have run; not natural, group_kfold, single_frame;" in said
    assert text.count("NOT FINISHED") == 1
    assert "no number was found" in said
    assert "natural (true there): not tested yet; as published: supported" in said


def test_page_stands_alone(league):
    _, _, page, text = league
    assert not {"script", "link", "iframe", "object", "img"} & {tag for tag, _ in page.tags}
    assert not re.search(r"""(src|href|action)=(?!"#)|url\(|@import|https?:""", text)
    assert all(attributes["scope"] in ("col", "row") for attributes in page.all("th"))
    assert {a["href"][1:] for a in page.all("a")} <= {a["id"] for _, a in page.tags if "id" in a}
    for said in ("Phantoms, not people", "Not a medical device", "LEAKY", "read in the paper"):
        assert said in text


@pytest.mark.parametrize("name", ["table.html", "table.csv", "table"])
def test_name_is_taken_with_and_without_its_ending(tmp_path, name):
    assert write_league([study_run(tmp_path / "run")], tmp_path / "new" / name) == 0
    assert sorted(file.name for file in (tmp_path / "new").iterdir()) == ["table.csv", "table.html"]


def test_nothing_but_smoke_makes_no_table(tmp_path, capsys):
    run = study_run(tmp_path / "run", smoke=True, size="smoke")
    assert write_league([run], tmp_path / "table") == 0
    assert "size smoke, whose numbers mean nothing" in capsys.readouterr().out
    assert not list(tmp_path.glob("table*"))


def test_run_that_has_only_begun_is_listed(tmp_path):
    (tmp_path / "s99_nobody_2030").mkdir()
    system = {"number": 99, "authors": "Nobody", "year": 2030, "title": "x", "status": "exact", "reported": [],
              "inferred": [], "data_substitute": None}  # fmt: skip
    record = {"config": {"system": system, **PRIMARY}, "inputs": {"size": "default"}}
    (tmp_path / "s99_nobody_2030" / "config.json").write_text(json.dumps(record))
    runs = [tmp_path / "s99_nobody_2030", study_run(tmp_path / "s36")]
    assert write_league(runs, tmp_path / "table") == 0
    rows = table(tmp_path / "table.csv")
    assert [(row["name"], row["cells_run"]) for row in rows] == [("s36_rezaei_2021", "36"), ("s99_nobody_2030", "0")]
    assert "nothing has run yet" in (tmp_path / "table.html").read_text()


def test_folder_that_is_no_study_is_refused(tmp_path):
    for name, text in (("results.json", {"metrics": []}), ("config.json", {"config": {}, "inputs": {}})):
        folder = tmp_path / name.split(".")[0]
        folder.mkdir()
        (folder / name).write_text(json.dumps(text))
        with pytest.raises(UserError, match="is not a run of `wince study`"):
            write_league([folder], tmp_path / "table")
    with pytest.raises(UserError, match="no run folder"):
        write_league([tmp_path / "nowhere"], tmp_path / "table")


def test_two_runs_of_one_study_are_told_apart(tmp_path):
    runs = [study_run(tmp_path / "first"), study_run(tmp_path / "second", referenced=True, encoder="run@500")]
    assert write_league(runs, tmp_path / "table") == 0
    text = (tmp_path / "table.html").read_text()
    for said in ("run first", "run second", "+ref", "encoder run@500"):
        assert said in text
    assert [(row["reference"], row["encoder"]) for row in table(tmp_path / "table.csv")] == [
        ("", ""),
        ("+ref", "run@500"),
    ]


def test_names_with_markup_stay_text_and_cells_plain(tmp_path):
    names = {"pairwise": "<script>alert(1)</script>", "Rezaei": 'a "b",\n<i>c</i>', "natural": "x; y"}
    assert write_league([write_study(tmp_path / "run", renamed(study_results(), names))], tmp_path / "table") == 0
    row = table(tmp_path / "table.csv")[0]
    assert (row["model"], row["authors"]) == ("<script>alert(1)</script>", 'a "b", <i>c</i> et al.')
    assert len((tmp_path / "table.csv").read_text().splitlines()) == 2
    page = Page((tmp_path / "table.html").read_text())
    assert not {"script", "i"} & {tag for tag, _ in page.tags}


def test_oracle_is_marked(tmp_path):
    results = study_results()
    for part in results["parts"]:
        for row in part["metrics"]:
            row["oracle"] |= row["adaptation"] == "pairwise"
    assert write_league([write_study(tmp_path / "run", results)], tmp_path / "table") == 0
    row = table(tmp_path / "table.csv")[0]
    assert (row["as_reported_marks"], row["honest_marks"]) == ("LEAKY ORACLE", "ORACLE")
    text = (tmp_path / "table.html").read_text()
    assert text.count('<span class="mark">ORACLE</span>') == 2
    assert "uses test labels: a bound, no system" in text


def test_undefined_numbers_have_their_reason():
    results = study_results()
    for row in results["parts"][1]["metrics"]:
        row |= {"value": None, "low": None, "high": None, "interval": None, "reason": "nobody was there"}
    row = league_row(results, "run")
    assert (row["honest"], row["honest_reason"], row["baseline"]) == (None, "nobody was there", None)
