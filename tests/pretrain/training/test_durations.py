import pytest
from pydantic import TypeAdapter, ValidationError

from pretrain.training.durations import Duration, to_steps

RUN = {"total": 1000, "examples_per_step": 96, "examples_per_epoch": 960}


@pytest.mark.parametrize(
    ("duration", "steps"),
    [
        (30, 30),
        ("30", 30),
        ("1e3 steps", 1000),
        ("1 step", 1),
        ("20 epochs", 200),
        ("1 epoch", 10),
        ("0.25 epochs", 3),  # 2.5 steps do not make a quarter of the epoch
        ("1e6 examples", 10417),
        ("960 examples", 10),
        ("961 examples", 11),
        ("5 percent", 50),
        ("5%", 50),
        ("0.1 percent", 1),
        ("0.001 percent", 1),
        ("33.3 percent", 333),
    ],
)
def test_steps_cover_the_duration_exactly(duration, steps):
    assert to_steps(duration, **RUN) == steps


def test_no_share_of_a_run_is_a_step_too_long():
    for percent in range(1, 101):
        assert to_steps(f"{percent} percent", **RUN) == 10 * percent


def test_percent_needs_a_whole():
    with pytest.raises(ValueError, match="percent of what"):
        to_steps("5 percent", **RUN | {"total": None})


@pytest.mark.parametrize("wrong", ["", "soon", "5 parsecs", "-5 epochs", "1.2.3 epochs", "nan steps", "5 epochs more"])
def test_what_is_no_duration_is_refused_with_the_right_form(wrong):
    with pytest.raises(ValidationError, match="20 epochs"):
        TypeAdapter(Duration).validate_python(wrong)


@pytest.mark.parametrize("wrong", [0, -3, "0 epochs", "1.5 steps", 1.5])
def test_amounts_that_no_run_can_have_are_refused(wrong):
    with pytest.raises(ValidationError):
        TypeAdapter(Duration).validate_python(wrong)


def test_config_values_survive_json():
    kind = TypeAdapter(Duration)
    for given, kept in ((1000, 1000), ("1000", 1000), ("1e3 steps", 1000), ("20 epochs", "20 epochs"), (1000.0, 1000)):
        value = kind.validate_python(given)
        assert value == kept
        assert kind.validate_json(kind.dump_json(value)) == value
