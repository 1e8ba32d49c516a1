"""Configs of studies: wrong ones are refused, sizes and variants change what they say and nothing else."""

from dataclasses import replace

import pytest

from personalize.evaluation.claims import ClaimSide
from personalize.heads.networks.network import NetworkConfig
from personalize.protocols.config import GroupKFoldConfig
from personalize.studies.config import Labels, Phantoms, Reported, Size, Slot, World
from personalize.studies.inputs import Embedded, Pictures
from personalize.studies.models import Reference
from personalize.studies.sizes import of_cohort, sized, with_encoder, with_references
from pipelines.configuration import load_config
from pipelines.study.every import study_names
from pretrain.errors import UserError
from tests.support.studies import LINEAR, QUICK, made_study

STUDIES = study_names()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"metric": "aurok"}, "auroc"),
        ({"pooling": "mean"}, "pooled|mean_over"),
        ({"honest": Slot(made_study().honest[0].protocol, models=("liner",))}, "linear"),
        ({"claims": (replace(made_study().claims[0], better=ClaimSide("liner")),)}, "linear"),
        ({"sizes": {"smoke": Size(2), "default": Size(2)}}, "full"),
        ({"worlds": {"natural": World(Phantoms("shoulder"), "", (True, True))}}, "truth of 2 of 1"),
    ],
)
def test_mistakes_are_named(changes, says):
    with pytest.raises(UserError, match=says):
        made_study(**changes)


def test_numbers_are_published_with_a_mark_of_the_dossier():
    with pytest.raises(UserError, match=r"paper·abs|paper"):
        Reported("accuracy", "95 %", "papr")
    with pytest.raises(UserError, match="accuracy"):
        Reported("accuracy", "95 %", "paper", "acuracy")


def test_a_difference_and_a_reference_go_together():
    with pytest.raises(ValueError, match="needs a reference"):
        replace(LINEAR, network=NetworkConfig(difference="features"))
    with pytest.raises(ValueError, match="needs a network with a difference"):
        replace(LINEAR, reference=Reference())
    with pytest.raises(ValueError, match="tuned and tuning"):
        replace(LINEAR, tuned=3)


def test_a_size_holds_what_it_runs():
    small = Size(2, seeds=(0,), steps=3, folds=3, models=("linear",), worlds=("natural",))
    models = {"linear": LINEAR, "other": LINEAR}
    worlds = {"natural": World(Phantoms("shoulder"), "a", (True,)), "other": World(Phantoms("shoulder"), "b")}
    five = Slot(GroupKFoldConfig(n_splits=5))
    sizes = {"smoke": small, "default": Size(4, folds=9), "full": Size(9)}
    study = made_study(models, honest=five, worlds=worlds, sizes=sizes)
    found = sized(study, "smoke")
    assert list(found.models) == ["linear"]
    assert list(found.worlds) == ["natural"]
    assert found.worlds["natural"].truths == (True,)
    assert found.models["linear"].training.steps == 3
    assert found.honest[0].protocol.n_splits == 3
    whole = sized(study, "default")
    assert (whole.models, whole.worlds, whole.honest, whole.claims) == (
        study.models, study.worlds, study.honest, study.claims,
    )  # fmt: skip


def test_a_claim_whose_side_is_not_run_is_not_asked():
    models = {"linear": LINEAR, "other": LINEAR}
    sizes = {"smoke": Size(2, models=("other",)), "default": Size(4), "full": Size(9)}
    study = made_study(models, sizes=sizes)
    more = replace(study, claims=(*study.claims, replace(study.claims[0], better=ClaimSide("other"))))
    assert sized(more, "smoke").claims == more.claims[1:]


def test_every_model_once_more_with_a_reference():
    study = made_study({"linear": LINEAR}, honest=Slot(made_study().honest[0].protocol, models=("linear",)))
    found = with_references(study)
    assert list(found.models) == ["linear", "linear+ref"]
    assert found.models["linear+ref"].network.difference == "features"
    assert found.honest[0].models == ("linear", "linear+ref")
    assert with_references(found).models.keys() == {"linear", "linear+ref"}


def test_an_encoder_takes_the_place_of_networks_that_see_faces():
    with pytest.raises(UserError, match="looks at aus"):
        with_encoder(made_study())
    faces = made_study({"linear": replace(LINEAR, training=QUICK), "no face": replace(LINEAR, background=True)},
                       input=Pictures())  # fmt: skip
    found = with_encoder(faces)
    assert found.input == Embedded()
    assert list(found.models) == ["linear"]


@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.parametrize("size", ["smoke", "default", "full"])
def test_every_study_has_its_sizes(name, size):
    study = load_config(f"studies/{name}", type(made_study()))
    found = sized(study, size)
    assert name.startswith(f"s{study.system.number}_")
    assert name.endswith(str(study.system.year))
    assert found.claims, "the claim's comparison is in every size"
    assert size == "smoke" or len(found.sizes[size].seeds) >= 3
    given = of_cohort(found, "an archive")
    assert given.worlds["given"].truths == ()
    assert given.system.data_substitute is None
    assert isinstance(found.labels, Labels)
