"""The `wince` command. Nothing heavy is imported before a command is known, so that `--help` is quick."""

import argparse
import functools
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from pretrain.errors import RunFailure, UserError, nearest

SCENARIO_NAMES = ("episodes", "cold_pressor", "dementia", "shoulder")
"""Named here so that `--help` need not import what makes phantoms; a test compares them."""
STUDY_SIZES = ("smoke", "default", "full")
Command = Callable[[argparse.Namespace, dict[str, str]], int]


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line and names the nearest right word."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message} (see `{self.prog} --help`)")

    def _check_value(self, action: argparse.Action, value: object) -> None:
        if action.choices is not None and value not in action.choices:
            raise UserError(f"unknown {action.dest} {value!r}{nearest(str(value), map(str, action.choices))}")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit code: 0 done, 1 failure, 2 mistake in the command or config."""
    try:
        return _run(sys.argv[1:] if argv is None else argv)
    except UserError as error:
        print(f"wince: {error}", file=sys.stderr)
        return 2
    except RunFailure as error:
        print(f"wince: failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("wince: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _run(argv: Sequence[str]) -> int:
    parser = build_parser()
    args, extra = parser.parse_known_args(argv)
    changes = _changes(args, extra)
    os.umask(0o077)  # faces are personal data: whatever a command writes is its user's alone
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    return args.run(args, changes)


def _changes(args: argparse.Namespace, extra: Sequence[str]) -> dict[str, str]:
    """Unknown `--key value` pairs change the config, where the command has one; elsewhere they are mistakes."""
    words = [part for word in extra for part in (word.split("=", 1) if word.startswith("--") else [word])]
    for word in words[::2]:
        if not getattr(args, "has_config", False) or not word.startswith("--"):
            options = [o for a in args.parser._actions for o in a.option_strings]
            raise UserError(f"unknown argument {word!r}{nearest(word, options)}")
    if len(words) % 2:
        raise UserError(f"{words[-1]} needs a value")
    return {k.removeprefix("--").replace("-", "_"): v for k, v in zip(words[::2], words[1::2], strict=True)}


def build_parser() -> argparse.ArgumentParser:
    """The whole command line; it imports nothing that computes."""
    parser = _Parser(prog="wince", description="Learns to read pain from faces, one person at a time.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command", required=True)

    c = _add(commands, "demo", _demo, "all steps on synthetic patients: phantom to report, in minutes")
    c.add_argument("--out", type=Path, default=Path("demo_out"), help="folder to write (default: demo_out)")

    c = _add(commands, "phantom", _phantom, "write a cohort of synthetic patients as ordinary video and label files")
    c.add_argument("scenario", nargs="?", choices=SCENARIO_NAMES, help=f"one of {', '.join(SCENARIO_NAMES)}")
    c.add_argument("--list", action="store_true", help="name scenarios and worlds, and stop")
    c.add_argument("--out", type=Path, metavar="COHORT")
    c.add_argument("--participants", type=int, default=None, help="default: the scenario's")
    c.add_argument("--recordings", type=int, default=None, help="of each participant (default: the scenario's)")
    c.add_argument("--seconds", type=float, default=None, help="of what the scenario prolongs (see --list)")
    c.add_argument("--seed", type=int, default=0)
    c.add_argument(
        "--world", default="", metavar="NAME,...", help="switches that make claims true or false (see --list)"
    )
    c.add_argument("--full", action="store_true", help="the published size: hours of computing, gigabytes")
    c.add_argument(
        "--layout", choices=["cohort", "unbc"], default="cohort", help="`unbc`: as the archive (shoulder only)"
    )
    c.add_argument("--unlabelled", action="store_true", help="write no ratings, codes or signals")
    c.add_argument("--group", metavar="NAME", help="only people of this group, such as dementia or healthy")

    help_text = "find, follow and align the faces of any footage; the same command again goes on where it stopped"
    c = _add(commands, "prepare", _prepare, help_text)
    c.add_argument("footage", type=Path, nargs="+", help="video files, or folders that are searched for them")
    c.add_argument("--out", type=Path, required=True, metavar="CLIPS", help="until it is done: CLIPS.partial")
    _add_ingest_options(c.add_argument_group("what becomes of the footage"))
    _add_work_options(c.add_argument_group("who does the work (the result is always the same)"))

    c = _add(commands, "pretrain", _pretrain, "train an encoder on clips; the same command again resumes", config=True)
    c.add_argument("--clips", type=Path, required=True)
    c.add_argument("--out", type=Path, metavar="RUN", help="needed, unless nothing is to be written")
    c.add_argument(
        "--init", metavar="RUN0[@STEP]", help="start from the weights of another run (or RUN0@latest, RUN0@best)"
    )
    c.add_argument(
        "--probe",
        type=Path,
        nargs=2,
        metavar=("COHORT", "CLIPS"),
        help="look at every evaluation what the encoder is worth on the cohort's development people",
    )
    c.add_argument("--fsdp", type=int, default=1, metavar="N", help="cut parameters up over N devices (default: 1)")
    look = c.add_argument_group("looking before the run; nothing is written").add_mutually_exclusive_group()
    look.add_argument("--dry-run", action="store_true", help="say what it takes: parameters, memory, hours")
    look.add_argument("--overfit-one-batch", action="store_true", help="learn one batch by heart, as it should")

    c = _add(commands, "embed", _embed, "features of every clip")
    c.add_argument("encoder", metavar="RUN[@STEP]", help="a pretraining run (or RUN@latest, RUN@best), or `measures`")
    c.add_argument("clips", type=Path, metavar="CLIPS")
    c.add_argument("--like", metavar="RUN", help="with `measures`: cut clips as this run does")
    c.add_argument("--out", type=Path, required=True, metavar="features.parquet")

    cohort = commands.add_parser("cohort", help="make cohorts").add_subparsers(
        title="commands", metavar="COMMAND", dest="cohort_command", required=True
    )
    c = _add(cohort, "import", _cohort_import, "make a cohort from one flat table, with new pseudonyms")
    c.add_argument("table", type=Path, metavar="TABLE.csv")
    c.add_argument("--participant", required=True, metavar="COL")
    c.add_argument("--target", required=True, metavar="COL")
    c.add_argument("--features", default=None, metavar="GLOB", help="columns that are features")
    c.add_argument("--order", default=None, metavar="COL", help="column that orders a participant's rows in time")
    c.add_argument("--out", type=Path, required=True, metavar="COHORT")

    c = _add(commands, "personalize", _personalize, "one model per person, and what it is worth", config=True)
    c.add_argument("--cohort", type=Path, required=True)
    which = c.add_mutually_exclusive_group()
    which.add_argument("--features", type=Path, metavar="features.parquet", help="default: the cohort's own tables")
    which.add_argument(
        "--encoder",
        metavar="RUN[@STEP]",
        help="embed --clips and test the people who are not for development; or RUN@latest, RUN@best, or RUN@all: "
        "score every checkpoint, on development people",
    )
    c.add_argument("--clips", type=Path, metavar="CLIPS", help="with --encoder: clips of the cohort's videos")
    c.add_argument("--development", type=Path, metavar="FILE", help="development people, a table with participant_id")
    c.add_argument("--follow", action="store_true", help="with RUN@all: wait for checkpoints until the run's last")
    c.add_argument("--train-cohort", type=Path, metavar="COHORT", help="train on this cohort, test on the other")
    c.add_argument("--train-features", type=Path, metavar="features.parquet", help="of the training cohort")
    c.add_argument("--train-clips", type=Path, metavar="CLIPS", help="of the training cohort, with --encoder")
    c.add_argument("--protocol", metavar="NAME", help="instead of the config's, such as loso, session or random_frame")
    c.add_argument(
        "--adaptation", action="append", metavar="NAME", help="instead of the config's, such as reference+ridge; again"
    )
    c.add_argument("--k", type=int, nargs="+", metavar="K", help="labels of the person; several make a curve")
    c.add_argument("--private", type=Path, metavar="KEYFILE", help="the key that the clips were prepared with")
    c.add_argument("--out", type=Path, required=True, metavar="RUN")

    c = _add(commands, "predict", _predict, "a person's model on a video, or the population's")
    c.add_argument("personal", type=Path, metavar="RUN2", help="a run of `wince personalize --encoder`")
    c.add_argument("video", type=Path, metavar="VIDEO")
    who = c.add_mutually_exclusive_group(required=True)
    who.add_argument("--participant", metavar="P", help="whose model, such as sub-01")
    who.add_argument("--population", action="store_true", help="the model for people whom the run does not know")
    c.add_argument("--encoder", type=Path, metavar="RUN", help="where the encoder's run now lies, if it was moved")
    c.add_argument(
        "--rest", type=float, nargs=2, metavar=("FROM", "TO"), help="when the person rests, in seconds (marked_rest)"
    )
    c.add_argument("--out", type=Path, required=True, metavar="FILE", help="a .csv or .parquet file")

    help_text = "re-run a published system, as reported and honestly; the same command again goes on"
    c = _add(commands, "study", _study, help_text)
    c.add_argument("name", metavar="NAME", help="of a file in configs/studies, such as s36_rezaei_2021")
    c.add_argument("--cohort", type=Path, help="instead of the study's phantoms, such as unbc:/data/UNBC")
    c.add_argument("--clips", type=Path, metavar="CLIPS", help="of that cohort (default: made from its videos)")
    c.add_argument("--size", choices=STUDY_SIZES, default="default", help="how much of it (default: default)")
    c.add_argument("--protocol", choices=["as_reported", "honest", "both"], default="both")
    c.add_argument("--ref", action="store_true", help="every model with a same-person neutral reference, too")
    c.add_argument("--encoder", metavar="RUN[@STEP]", help="a pretrained encoder in place of the study's own networks")
    c.add_argument("--cohorts", type=Path, metavar="FOLDER", help="where phantoms are kept (default: RUN/cohorts)")
    c.add_argument("--out", type=Path, required=True, metavar="RUN")

    c = _add(commands, "studies", _studies, "all studies, one after the other, and one table of them")
    c.add_argument("--size", choices=STUDY_SIZES, default="default", help="how much of each (default: default)")
    c.add_argument("--out", type=Path, required=True, metavar="TABLE", help="folder of the runs and of the table")

    c = _add(commands, "report", _report, "one page from several runs, side by side")
    c.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    c.add_argument("--out", type=Path, required=True, metavar="report.html")

    c = _add(commands, "forget", _forget, "remove a person from clips, cohorts, features and predictions")
    c.add_argument("participant", metavar="PARTICIPANT", help="such as sub-01, or the name of a folder or file")
    c.add_argument(
        "paths", type=Path, nargs="+", metavar="PATH", help="any of these and runs, or folders that hold them"
    )
    c.add_argument("--private", type=Path, metavar="KEYFILE", help="the key that the clips were prepared with")

    _add(commands, "doctor", _doctor, "check that this machine has what is needed")
    return parser


def _add(
    commands: "argparse._SubParsersAction[_Parser]", name: str, run: Command, help_text: str, *, config: bool = False
) -> argparse.ArgumentParser:
    epilog = "Any key of the config can be given too, as --key value (such as --optimizer.learning_rate 1e-3)."
    parser = commands.add_parser(name, help=help_text, description=help_text, epilog=epilog if config else None)
    if config:
        parser.add_argument("config", metavar="CONFIG", help="config file, or its name")
    parser.set_defaults(run=run, has_config=config, parser=parser)
    return parser


def _add_ingest_options(group: "argparse._ArgumentGroup") -> None:
    """Options without a default here have theirs where the work is done, so they are left out unless given."""
    add = functools.partial(group.add_argument, default=argparse.SUPPRESS)
    add("--faces", help="face finder (default: nets, which come with wince)")
    add("--face-weights", type=Path, metavar="FOLDER", help="weights that you bring, for `--faces face-alignment`")
    add("--size", type=int, help="side of the crops in pixels (default: 112)")
    add("--margin", type=float, metavar="M", help="side of the crops in face widths (default: 1.3)")
    add("--max-faces", type=int, metavar="N", help="faces followed at the same time (default: 8)")
    add("--every", type=int, metavar="N", help="only every Nth frame")
    add("--fps", type=float, metavar="F", help="at most F frames of a second")
    add("--keyframes", action="store_true", help="only frames that are stored whole: a quick look")
    group.add_argument(
        "--private", type=Path, metavar="KEYFILE", help="hashes instead of names, with this key (made if absent)"
    )


def _add_work_options(group: "argparse._ArgumentGroup") -> None:
    group.add_argument("--workers", type=int, default=None, help="processes (default: one a core)")
    group.add_argument("--shard", metavar="i/n", help="do the ith of n shares of the files, and write no clips yet")
    group.add_argument("--merge", action="store_true", help="write the clips from all shares")
    group.add_argument(
        "--beam", nargs="+", metavar="KEY=VALUE", help="let an Apache Beam pipeline with these options do the files"
    )


def _demo(args: argparse.Namespace, changes: dict[str, str]) -> int:
    from pipelines.demo import run_demo

    return run_demo(args.out)


def _phantom(args: argparse.Namespace, changes: dict[str, str]) -> int:
    from pipelines.phantoms import list_scenarios, write_phantoms

    if args.list:
        return list_scenarios()
    if not args.scenario or not args.out:
        raise UserError(f"{'--out' if args.scenario else 'a scenario'} is needed (see `wince phantom --help`)")
    return write_phantoms(
        args.scenario,
        args.out,
        participants=args.participants,
        recordings=args.recordings,
        seconds=args.seconds,
        seed=args.seed,
        world=args.world,
        full=args.full,
        layout=args.layout,
        ratings=not args.unlabelled,
        group=args.group,
    )


def _prepare(args: argparse.Namespace, changes: dict[str, str]) -> int:
    from pipelines.prepare import prepare

    ours = {"command", "run", "has_config", "parser"}
    return prepare(**{name: value for name, value in vars(args).items() if name not in ours})


def _pretrain(args: argparse.Namespace, changes: dict[str, str]) -> int:
    from pipelines.configuration import load_config, override
    from pipelines.pretraining import dry_run, overfit_one_batch, run_pretraining
    from pretrain.config import PretrainConfig

    config = override(load_config(args.config, PretrainConfig), changes)
    if args.dry_run or args.overfit_one_batch:
        look = dry_run if args.dry_run else overfit_one_batch
        return look(config, clips=args.clips, fsdp=args.fsdp)
    if not args.out:
        raise UserError("--out is needed (see `wince pretrain --help`)")
    probe = tuple(args.probe) if args.probe else None
    return run_pretraining(config, clips=args.clips, out=args.out, init=args.init, probe=probe, fsdp=args.fsdp)


def _embed(args: argparse.Namespace, changes: dict[str, str]) -> int:
    from pipelines.embedding import run_embedding

    return run_embedding(args.encoder, clips=args.clips, out=args.out, like=args.like)


def _cohort_import(args: argparse.Namespace, changes: dict[str, str]) -> int:
    from pipelines.cohort_import import cohort_import

    return cohort_import(
        args.table,
        participant=args.participant,
        target=args.target,
        features=args.features,
        order=args.order,
        out=args.out,
    )


def _personalize(args: argparse.Namespace, changes: dict[str, str]) -> int:
    from personalize.config import PersonalizeConfig
    from pipelines.configuration import load_config, override
    from pipelines.personalization import personalize
    from pipelines.personalization.choices import with_adaptations

    protocol = {"protocol.kind": args.protocol} if args.protocol else {}
    config = override(load_config(args.config, PersonalizeConfig), {**protocol, **changes})
    config = with_adaptations(config, args.adaptation, args.k)
    common = {name: getattr(args, name) for name in ("cohort", "out", "private", "train_cohort", "development")}
    _check_together(args)
    if args.encoder is None:
        return personalize(config, features=args.features, train_features=args.train_features, **common)
    from pipelines.checkpoint_curve import score_checkpoints
    from pipelines.final_run import final_run
    from pipelines.pretrained import run_of_all

    common |= {"clips": args.clips, "train_clips": args.train_clips}
    run = run_of_all(args.encoder)
    if run is not None and config.population is not None:
        raise UserError(f"--encoder {args.encoder}: a new population takes one checkpoint, not every one of a run")
    if run is not None:
        return score_checkpoints(config, run=run, follow=args.follow, **common)
    if args.follow:
        raise UserError(f"--follow goes with every checkpoint: --encoder {args.encoder.partition('@')[0]}@all")
    return final_run(config, encoder=args.encoder, **common)


def _check_together(args: argparse.Namespace) -> None:
    needs = {"clips": "encoder", "follow": "encoder", "train_clips": "encoder", "train_features": "train_cohort"}
    for name, other in needs.items():
        if getattr(args, name) and not getattr(args, other):
            raise UserError(f"--{name.replace('_', '-')} needs --{other.replace('_', '-')}")
    if args.encoder and not args.clips:
        raise UserError("--encoder needs --clips")
    if args.encoder and args.train_features:
        raise UserError("with --encoder the training cohort has --train-clips, not --train-features")


def _predict(args: argparse.Namespace, changes: dict[str, str]) -> int:
    from pipelines.predicting import predict

    options = {"encoder": args.encoder, "rest": tuple(args.rest) if args.rest else None}
    return predict(args.personal, args.video, participant=args.participant, out=args.out, **options)


def _study(args: argparse.Namespace, changes: dict[str, str]) -> int:
    from pipelines.study import Given, run_study

    given = Given(args.cohort, args.clips, args.encoder)
    return run_study(args.name, args.out, size=args.size, which=args.protocol, reference=args.ref, given=given,
                     cohorts=args.cohorts)  # fmt: skip


def _studies(args: argparse.Namespace, changes: dict[str, str]) -> int:
    from pipelines.study import run_studies

    return run_studies(args.out, size=args.size)


def _report(args: argparse.Namespace, changes: dict[str, str]) -> int:
    from pipelines.report.page import write_report

    return write_report(args.runs, args.out)


def _forget(args: argparse.Namespace, changes: dict[str, str]) -> int:
    from pipelines.forget import forget

    return forget(args.participant, args.paths, private=args.private)


def _doctor(args: argparse.Namespace, changes: dict[str, str]) -> int:
    from pipelines.doctor import doctor

    return doctor()


if __name__ == "__main__":
    sys.exit(main())
