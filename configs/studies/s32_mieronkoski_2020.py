"""Mieronkoski 2020: which of two moments hurts more, from the muscles of the face (surface EMG) and no picture.

    wince study s32_mieronkoski_2020 --out RUN

Two amplitudes a muscle, in units of each person; the two that go best with pain; a linear score that ranks the periods
from the beginning of the stimulus to tolerance. As reported the two were chosen with everybody's data; honestly within
each fold. A clock orders periods without any error, so that the claim is asked against the time, too.

Hardware: 2 CPU cores.
Time: smoke 32 s with its cohort; default 3 min on a busy machine, besides its two cohorts.
Expect: on phantoms, 16 people: c-index 0.71 [0.63, 0.78], as reported 0.71; all ten features 0.79; the time alone 0.98.
Where muscles follow the time and not pain it is *higher*, 0.93 [0.91, 0.94]: the order of periods is that of time.
"""

from personalize.evaluation.claims import ClaimConfig, ClaimSide
from personalize.heads.networks.network import NetworkConfig
from personalize.heads.training.pairs import PairTerm
from personalize.heads.training.schedule import Optimizer, Training
from personalize.protocols.config import LosoConfig
from personalize.studies.config import Labels, Phantoms, Reported, Size, Slot, Study, System, World
from personalize.studies.inputs import Emg
from personalize.studies.models import Model

LINEAR = NetworkConfig()
RANKED = (PairTerm("difference"),)
TRAINING = Training(Optimizer(rate=0.01), epochs=None, steps=300, batch=48, batch_of="one person")

config = Study(
    system=System(
        number=32,
        authors="Mieronkoski et al.",
        year=2020,
        title="facial surface EMG and the order of pain periods",
        reported=(Reported("c-index within people", "0.64", "paper", "c_index", 0.64),),
        status="partial",
        inferred=(
            "periods: P1 and P2 halve the time to the threshold, P3 and P4 that to tolerance",
            "windows: 1 s; length, filter and rate are not read",
            "solver: squared error of differences within people (RLScore family, recall)",
            "selection: the two best by correlation; as reported presumably on all people",
        ),
        data_substitute="31 volunteers under heat and electricity: phantoms in iced water, marks by their phases and "
        "first report of pain",
    ),
    worlds={
        "natural": World(Phantoms("cold_pressor", seed=32), "muscles follow pain, and pain the time", (True, False)),
        "signals-by-time": World(
            Phantoms("cold_pressor", "signals-by-time", 32), "muscles follow the time, not pain", (True, False)
        ),
    },
    input=Emg(length=1, step=1),
    labels=Labels("period_ordinal", ordered=True),
    models={
        "all ten": Model(LINEAR, TRAINING, loss=None, pairs=RANKED, per_person=True),
        "best two": Model(LINEAR, TRAINING, loss=None, pairs=RANKED, per_person=True, select=2),
    },
    as_reported=(
        Slot(
            LosoConfig(),
            because="the two features are chosen with the people who are tested",
            finds=("selector",),
            fitted_on_all=True,
        ),
    ),
    honest=(Slot(LosoConfig()),),
    metric="c_index",
    claims=(
        ClaimConfig(
            "two amplitudes rank the periods of unseen people",
            "c_index",
            "higher",
            0.05,
            better=ClaimSide("best two"),
            than=ClaimSide("majority"),
        ),
        ClaimConfig(
            "... and better than the time does",
            "c_index",
            "higher",
            0.05,
            better=ClaimSide("best two"),
            than=ClaimSide("elapsed_time"),
        ),
    ),
    sizes={
        "smoke": Size(participants=4, recordings=1, seconds=20, seeds=(0,), steps=5, worlds=("natural",)),
        "default": Size(participants=16),
        "full": Size(participants=31, recordings=3, seconds=180),
    },
)
