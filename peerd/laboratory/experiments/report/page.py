"""The page: what was run and with what, then for each setting its tables and plots."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

from peerd.errors import ConfigError, StorageError
from peerd.laboratory.experiments.report import plots, tables
from peerd.laboratory.experiments.report.groups import CellResult, Setting, of_setting, settings
from peerd.laboratory.experiments.results import Directory, best, final, member_seconds

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
       color: #1a1a1a; background: #fff; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.25rem; margin-top: 2.5rem; }
h3 { font-size: 1rem; margin-top: 1.5rem; }
table { border-collapse: collapse; margin: .5rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid #ddd; }
th:first-child { text-align: left; font-weight: 500; }
thead th { font-weight: 600; border-bottom: 2px solid #888; }
tr.clear th, tr.clear td { font-style: italic; color: #555; }
.note { color: #444; } svg { max-width: 100%; height: auto; }
"""
_LEGEND = (
    "Accuracy on held-out data in percent: the mean over seeds, with the lowest and highest in "
    "brackets. Rules in italics, and dashed lines, are computed in the clear: they see every "
    "update, and no group can choose them. † A run left the finite numbers and ended; the "
    "accuracy is that of its last finite model."
)


def write_report(directory: Directory, path: Path) -> None:
    """Raises ConfigError when nothing is finished, StorageError."""
    cells = directory.finished()
    if not cells:
        raise ConfigError(f"{directory.path} has no finished cell", "peerd lab run FILE --out DIR")
    text = "\n".join(_page(directory.experiment(), cells))
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"can't write {path}: {error.strerror}") from error


def _page(experiment: dict[str, Any], cells: Sequence[CellResult]) -> Iterator[str]:
    title = escape(str(experiment["title"]))
    yield '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
    yield f"<title>{title}</title><style>{_STYLE}</style></head><body><h1>{title}</h1>"
    if experiment["note"]:
        yield f'<p class="note">{escape(str(experiment["note"]))}</p>'
    yield f"<p>{_facts(experiment, cells)}</p><p>{_LEGEND}</p>"
    for setting in settings(cells):
        yield from _setting(setting, of_setting(cells, setting))
    yield "</body></html>\n"


def _facts(experiment: dict[str, Any], cells: Sequence[CellResult]) -> str:
    missing = len(experiment["cells"]) - len(cells)
    what = cells[0]["cell"]
    seeds = len({cell["cell"]["seed"] for cell in cells})
    facts = [
        f"Task {what['task']}, {cells[0]['parameters']} parameters, {what['rounds']} rounds, "
        f"{seeds} seed{'s' if seeds > 1 else ''}, {len(cells)} runs.",
        f"<strong>{missing} runs are not finished.</strong>" if missing else "",
        "With "
        + ", ".join(f"{name} {text}" for name, text in experiment["versions"].items())
        + ".",
    ]
    return " ".join(filter(None, facts))


def _setting(setting: Setting, cells: Sequence[CellResult]) -> Iterator[str]:
    muted = tables.clear_rules(cells)
    yield f"<h2>{escape(str(setting))}</h2>"
    yield "<h3>Accuracy after the last round</h3>"
    yield tables.as_html(tables.rule_by_attack(cells, final), muted)
    yield "<h3>Highest accuracy of any round (as the paper’s Table 2)</h3>"
    yield tables.as_html(tables.rule_by_attack(cells, best), muted)
    if any(_trigger(cell) is not None for cell in cells):
        yield "<h3>The backdoor: share of stamped images taken for the liars’ class</h3>"
        stamped = [cell for cell in cells if _trigger(cell) is not None]
        yield tables.as_html(tables.rule_by_attack(stamped, _trigger), muted)
    yield "<h3>Accuracy per round</h3>"
    for attack in plots.attacks(cells):
        yield plots.accuracy_per_round(cells, attack)
    yield from _costs(cells)


def _costs(cells: Sequence[CellResult]) -> Iterator[str]:
    """A member's cost where it was measured, as the paper's Figure 6; else the plain sum's."""
    secured = [cell for cell in cells if member_seconds(cell) is not None]
    yield "<h3>Accuracy against CPU time</h3>"
    if secured:
        yield (
            "<p>CPU time of one committee member for check, sum and opening, measured in the "
            "rounds that were really shared (the median of a rule’s runs), times the rounds (the "
            "paper’s Figure 6).</p>"
        )
    else:
        yield (
            "<p>CPU time of encoding, summing and post-processing all updates in one process: "
            "no round was shared. The paper’s Figure 6 counts a committee member’s time.</p>"
        )
    for attack in plots.attacks(secured or cells):
        yield plots.accuracy_per_second(secured or cells, attack)


def _trigger(cell: CellResult) -> float | None:
    value = cell["evaluations"][-1]["trigger"]
    return None if value is None else float(value)
