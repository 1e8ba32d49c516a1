"""Over pretraining steps: a metric of development people, and the losses and gauges of a pretraining run."""

from collections.abc import Sequence
from typing import Any

from pipelines.report.figures.style import MUTED, SERIES, panels, png, series, styled
from pipelines.report.numbers import interval_text
from pipelines.report.summary import shown
from pipelines.report.words import head, label, metric_name, most_adapted

GAUGES = {
    "loss": "loss",
    "pairwise": "pairwise",
    "contrastive": "contrastive",
    "masked": "masked",
    "eval/ridge_measures": "expression measures (ridge PCC)",
    "eval/knn_same_track": "same track (5-NN)",
    "eval/within_track_share": "variance within tracks",
    "eval/effective_rank": "effective rank",
}
PANELS = {
    "objectives": ("loss", "pairwise", "contrastive", "masked"),
    "what features know": ("eval/ridge_measures", "eval/knn_same_track", "eval/within_track_share"),
    "effective rank": ("eval/effective_rank",),
}


def checkpoints(results: dict[str, Any]) -> dict[str, Any] | None:
    """A metric of every checkpoint under `none` and under what adapts most; None where checkpoints were not scored."""
    rows = results.get("checkpoints")
    if not rows:
        return None
    metric = shown(results)[0]
    most = most_adapted([("", row["adaptation"], row["k"]) for row in rows])
    own = [r for r in rows if r["metric"] == metric and (r["adaptation"], r["k"]) in {("none", 0), most[1:]}]
    own = [row for row in own if row["value"] is not None]
    curves: dict[str, list[dict[str, Any]]] = {}
    for row in own:
        name = label(("", row["adaptation"], row["k"]), system=False)
        curves.setdefault(name, []).append({key: row[key] for key in ("step", "value", "low", "high")})
    chosen = results["chosen"] and results["chosen"]["step"]
    said = "; ".join(
        f"{name}: " + ", ".join(f"step {p['step']} {interval_text(p)}" for p in points)
        for name, points in curves.items()
    )
    title = f"Over pretraining steps: {metric_name(metric)} of development people"
    return {
        "title": title,
        "caption": f"{head(metric)} with the 95 % interval over development people; the dashed line is the step chosen "
        "on them.",
        "alt": f"{title}: {said}.",
        "data": {"metric": metric, "chosen": chosen, "curves": [{"name": n, "points": p} for n, p in curves.items()]},
    }


def draw_checkpoints(data: dict[str, Any]) -> bytes:
    """Curves with bands."""
    with styled():
        figure, (axes,) = panels(3.2)
        for number, curve in enumerate(data["curves"]):
            points, look = curve["points"], series(number)
            at, low, high = ([p[key] for p in points] for key in ("step", "low", "high"))
            axes.fill_between(at, low, high, color=look["color"], alpha=0.12, lw=0)
            axes.plot(at, [p["value"] for p in points], lw=1.4, ms=4, label=curve["name"], **look)
        if data["chosen"] is not None:
            axes.axvline(data["chosen"], color=MUTED, lw=0.8, ls="--", label=f"chosen: step {data['chosen']}")
        axes.set(xlabel="pretraining step", ylabel=head(data["metric"]))
        axes.legend()
        return png(figure)


def training(name: str, metrics: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Losses and gauges of a pretraining run over its steps."""
    probes = sorted({k for m in metrics for k in m if k.startswith("eval/probe_") and k.endswith("_pcc")})[:1]
    known = GAUGES | {
        key: f"{key.removeprefix('eval/probe_').removesuffix('_pcc')} of development people (PCC)" for key in probes
    }
    lines = {key: [[m["step"], m[key]] for m in metrics if m.get(key) is not None] for key in known}
    lines = {key: points for key, points in lines.items() if points}
    places = {title: [key for key in keys if key in lines] for title, keys in PANELS.items()}
    places["what features know"] += [key for key in probes if key in lines]
    said = ", ".join(f"{known[key]} {points[0][1]:.3g} to {points[-1][1]:.3g}" for key, points in lines.items())
    last = max((m["step"] for m in metrics if "step" in m), default=0)
    return {
        "title": f"Pretraining: {name}",
        "caption": f"Losses, what the features know of held-out tracks, and their effective rank, to step {last}.",
        "alt": f"Curves of a pretraining run to step {last}: {said}.",
        "data": {"panels": [
            {"title": title, "lines": [{"name": known[key], "points": lines[key]} for key in keys]}
            for title, keys in places.items()
        ]},
    }  # fmt: skip


def draw_training(data: dict[str, Any]) -> bytes:
    """Three panels."""
    with styled():
        figure, axes = panels(2.7, 3)
        for place, panel in zip(axes, data["panels"], strict=True):
            for line, colour in zip(panel["lines"], SERIES, strict=False):
                place.plot(*zip(*line["points"], strict=True), color=colour, lw=1.4, label=line["name"])
            place.set(title=panel["title"], xlabel="step")
            if len(panel["lines"]) > 1:
                place.legend(fontsize=7)
        return png(figure)
