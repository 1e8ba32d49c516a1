"""What `wince study` prints: everything that matters, in 100 columns."""

import re

import pytest

from pipelines.study.text import COLUMNS, SMOKE, format_study
from tests.support.study_results import BASELINES, MODELS, study_results


@pytest.fixture(scope="module")
def text():
    return format_study(study_results())


def paragraph(text, start):
    """The lines from one that begins so to the next empty one, as one line."""
    found = next(part for part in text.split("\n\n") if part.startswith(start))
    return " ".join(found.split())


def test_lines_are_short_and_begin_with_what_it_is(text):
    assert max(map(len, text.splitlines())) <= COLUMNS
    head = paragraph(text, "s36_rezaei_2021 (Rezaei et al. 2021): size default, status partial")
    for said in ("accuracy, 3 classes > 89 % [paper·abs]", "area under the curve 0.93 [recall-]",
                 "no result here holds for people", "the recordings of care homes are not public"):  # fmt: skip
        assert said in head
    assert "SMOKE" not in text
    assert "fewer than 20 participants" in text


def test_every_part_has_its_numbers_audit_and_claim(text):
    results = study_results()
    for part, word in zip(results["parts"], ("as reported", "honest") * 2, strict=True):
        found = paragraph(text, f"{part['world']} ({part['about_world']}), {word}: {part['protocol']}")
        for row in part["metrics"]:
            if (row["metric"], row["pooling"]) == ("accuracy", "mean_over_participants"):
                assert f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]" in found
        claim = part["claims"][0]
        assert f"{claim['verdict']} (accuracy {claim['estimate']:+.3f} [" in found
        assert f"{str(part['truth']).lower()} here, the verdict is right" in found
        assert "no pspi: the features are no action units" in found
        if part["leaky"]:
            assert "LEAKY: frames of the person who is tested were trained on" in found
            assert "leak audit: shared participant, purge gap, as expected" in found
        else:
            assert "leak audit: no leak" in found


def test_baselines_come_below_and_leaky_numbers_carry_the_word(text):
    leaky, honest = (part for part in text.split("\n\n") if part.startswith("natural"))
    for part, words in ((leaky, " LEAKY"), (honest, "")):
        at = [part.index(f"  {name}{words}") for name in (*MODELS, *BASELINES)]
        assert at == sorted(at)
        assert at[len(MODELS) - 1] < part.index("to be beaten:") < at[len(MODELS)]
    rows = [line for line in leaky.splitlines() if re.search(r"\d\.\d{3} \[\d", line)]
    assert len(rows) == len(MODELS) + len(BASELINES)
    assert all("LEAKY" in row for row in rows)
    assert "participant_oracle LEAKY ORACLE" in leaky


def test_gaps_are_those_of_the_results(text):
    found = paragraph(text, "gaps, as reported less honest [95 %]: random_frame LEAKY - group_kfold")
    for row in study_results()["gaps"]:
        change = f"{row['difference']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]"
        sides = f"{row['as_reported']:.3f} - {row['honest']:.3f}"
        assert f"{row['world']}, {row['adaptation']}, accuracy: {change} = {sides}, 12 participants" in found


def test_smoke_is_said_first_and_last():
    lines = format_study(study_results(smoke=True, size="smoke")).splitlines()
    assert "size SMOKE" in lines[0]
    assert lines[1] == lines[-1] == SMOKE


def test_cells_that_have_not_run_are_named():
    results = study_results(parts=[], gaps=[])
    for cell in results["cells"]:
        cell["done"] = cell["world"] == "natural"
    text = format_study(results)
    assert "18 of 36 cells have NOT run; the same command goes on with them:" in text
    assert "  one_face, group_kfold, pairwise: seeds 0, 1, 2" in text
    assert "all 36 cells have run" in format_study(study_results())


def test_what_is_not_as_expected_is_said():
    results = study_results(encoder="run@500", referenced=True, study={"reported": []})
    leaky, honest = results["parts"][:2]
    leaky["findings"], honest["findings"], honest["truth"] = [], leaky["findings"], False
    honest["claims"][0] |= {"verified": False}
    text = " ".join(format_study(results).split())
    for said in ("encoder run@500, +ref", "published: no number was found", "NOTHING FOUND, though it has to leak",
                 "LEAKS FOUND, though it has to be honest: shared participant, purge gap", "the verdict is WRONG",
                 "the record was changed or is gone"):  # fmt: skip
        assert said in text


def test_undefined_numbers_have_their_reason_and_long_names_their_width():
    results = study_results()
    for part in results["parts"]:
        for row in part["metrics"]:
            if row["adaptation"] == "pairwise":
                row["adaptation"] = "pairwise " * 15
                row |= {"value": None, "low": None, "high": None, "interval": None, "reason": "nobody was there"}
    results["gaps"][0] |= {"difference": None, "reason": "fewer than two people"}
    text = format_study(results)
    assert max(map(len, text.splitlines())) <= COLUMNS
    assert "accuracy: nobody was there" in " ".join(text.split())
    assert re.search(r"pairwise pairwise .*\.\.\. +undefined", text)
    assert "natural, single_frame, accuracy: undefined, fewer than two people" in text
