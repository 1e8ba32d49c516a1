"""What the parts of a study are called for a reader who has not seen its config."""

from personalize.protocols.base import LEAKY
from personalize.protocols.registry import PROTOCOLS as KINDS
from pipelines.report.study_facts import Row, Side, is_baseline
from pipelines.report.words import label as full_label

SLOT_NAMES = {"as_reported": "tested as published", "honest": "tested honestly"}
STATUS = {
    "exact": "everything that the run needs was published",
    "partial": "part of what the run needs was not published, and was filled in",
    "underspecified": "most of what the run needs was not published, and was filled in",
}
KNOWN = {
    "paper": "read in the paper",
    "paper·abs": "read in the paper's abstract",
    "paper2": "read in somebody else's summary",
    "code": "read in the authors' code",
    "2nd": "read in somebody else's summary",
    "seed": "as the review gives it",
    "recall+": "remembered, and in keeping with other facts",
    "recall": "remembered, not read",
    "recall-": "half remembered, do not quote",
    "inferred": "filled in, stated by nobody",
    "unknown": "looked for and not found",
}
"""Of the confidence marks that go with published facts."""
PROTOCOLS = {
    "loso": "everybody in turn is predicted by models of the others",
    "group_kfold": "people are dealt into groups, and each group is predicted by models of the others",
    "fixed_split": "some people are set apart, and predicted by models of the others",
    "external": "models of one cohort predict the people of another",
    "k_shot": "everybody is predicted by models of other people and a few labels of their own",
    "blocked": "a person's recordings are cut in time: learnt on one stretch, tested on another",
    "session": "learnt on some of a person's recordings, tested on others of theirs",
    "random_frame": "frames are dealt at random: neighbours of a tested frame, of the same person, were learnt",
    "random_window": "short stretches are dealt at random: others of the same recording were learnt",
    "mixed": "recordings are dealt at random: others of the same person were learnt",
}
"""By the first word of a protocol."""
AGREEMENT = {
    "right": "right",
    "wrong": "WRONG",
    "left open": "left open",
    "no answer": "no answer",
    "not known": "not known to be right",
}


def model_name(side: Side) -> str:
    """A model by the name that its study gives it, a baseline in words.

    >>> model_name(("head", 3)), model_name(("majority", 0))
    ('head, k = 3', 'mean or commonest class of other people')
    """
    if is_baseline(side):
        return full_label(("", *side), system=False)
    return side[0] + (f", k = {side[1]}" if side[1] else "")


def explained(part: Row) -> str | None:
    """A part's protocol in words, and why it leaks where it need not; None where there are no words for it."""
    name = part["protocol"].split(" ")[0]
    honest = name in KINDS and not KINDS[name].leaky
    but = f"; but {part['because']}" if part["leaky"] and honest and part["because"] else ""
    return PROTOCOLS[name] + but if name in PROTOCOLS else None


def unmarked(protocol: str) -> str:
    """A protocol without the word that the page marks by itself."""
    return protocol.removesuffix(f" {LEAKY}")


def true_here(world: Row) -> str | None:
    """Whether what is claimed holds in a world; None where nobody knows."""
    if len(world["truths"]) > 1:
        return "not all that is claimed is true here"
    known = {True: "what is claimed is true here", False: "what is claimed is false here"}
    return known[world["truths"][0]] if world["truths"] else None
