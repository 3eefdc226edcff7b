"""The alert rules, the scrape example and the dashboard: all that they name is there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from peerd.config import Config
from tests.unit.metrics.metrics_world import NAMES, exposition, names_in, parsed
from tests.unit.metrics.promtool import needed, promtool

ROOT = Path(__file__).parents[3]
RULES = ROOT / "configs/prometheus/peerd-alerts.yml"
SCRAPE = ROOT / "configs/prometheus/prometheus.yml"
CASES = Path(__file__).with_name("alert_cases.yml")
DASHBOARD: dict[str, Any] = json.loads((ROOT / "configs/grafana/peerd.json").read_text())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
COLUMNS = 24
GRAFANA = ("$__rate_interval", "5m"), ("$instance", "a:1")


def loaded(path: Path) -> Any:
    yaml = pytest.importorskip("yaml", reason="the test extra is not installed in full")
    return yaml.safe_load(path.read_text())


def alerts() -> list[dict[str, Any]]:
    return [rule for group in loaded(RULES)["groups"] for rule in group["rules"]]


def expressions() -> Iterator[str]:
    """Of the dashboard: panels, annotations, and the variables' queries."""
    for panel in PANELS:
        yield from (target["expr"] for target in panel.get("targets", ()))
    yield from (each["expr"] for each in DASHBOARD["annotations"]["list"] if "expr" in each)


def selectors(promql: str) -> Iterator[tuple[str, dict[str, str]]]:
    """(metric, labels that it must equal) of every selector in an expression."""
    bare = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", promql)
    bare = re.sub(r"\[[^\]]*\]", "", bare)
    for name, matchers in re.findall(
        r"([a-zA-Z_:][\w:]*)\s*(?:\{([^}]*)\})?(?![\w:]*\s*\()", re.sub(r"\d[\w.]*", " ", bare)
    ):
        if name not in ("and", "or", "unless", "bool", "offset"):
            yield name, dict(re.findall(r'(\w+)="([^"]*)"', matchers))


def test_selectors_are_found() -> None:
    found = list(selectors('sum by (x) (rate(a_total{l="v",m="w"}[5m])) > 2e3 and on (i) b == 1'))
    assert found == [("a_total", {"l": "v", "m": "w"}), ("b", {})]
    assert list(selectors("increase(up[1h]) / on () group_left () c_d")) == [
        ("up", {}),
        ("c_d", {}),
    ]


def check(promql: str) -> None:
    text = exposition(names=NAMES).text()
    known, samples = names_in(text), parsed(text)
    named = list(selectors(promql))
    assert named, promql
    for name, labels in named:
        if name == "up":
            continue
        assert name in known, f"{name}: {promql}"
        shown = [dict(found) for metric, found in samples if metric == name]
        own = {label: value for label, value in labels.items() if label != "instance"}
        assert not own or any(own.items() <= each.items() for each in shown), promql


def test_every_metric_that_an_alert_names_is_exposed() -> None:
    for rule in alerts():
        check(rule["expr"])
        for label in re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"])):
            assert label in ("instance", "peer", "name"), rule["alert"]


def test_every_alert_says_what_and_what_to_do() -> None:
    assert len({rule["alert"] for rule in alerts()}) == len(alerts())
    for rule in alerts():
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert rule["annotations"].keys() == {"summary", "description"}


def test_every_metric_that_the_dashboard_names_is_exposed() -> None:
    for promql in expressions():
        check(promql)
    for each in DASHBOARD["templating"]["list"]:
        for name in re.findall(r"label_values\((\w+),", str(each.get("definition"))):
            assert name in names_in(exposition().text())


def test_the_table_in_the_documents_has_every_metric() -> None:
    text = (ROOT / "docs/operate/watch.md").read_text()
    table = text.partition("| metric | what it is |")[2].partition("\n\n")[0]
    listed = re.findall(r"`(peerd_\w+|process_…|peerd_worker_process_…)`", table)
    own = {name for name in names_in(exposition().text()) if "process_" not in name}
    assert len(set(listed)) == len(listed)
    assert set(listed) == own | {"process_…", "peerd_worker_process_…"}


def test_the_dashboard_is_as_grafana_exports_one() -> None:
    assert DASHBOARD["id"] is None and DASHBOARD["uid"] == "peerd"
    assert isinstance(DASHBOARD["schemaVersion"], int)
    variables = {each["name"]: each for each in DASHBOARD["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert variables["datasource"]["query"] == "prometheus"
    source = {"type": "prometheus", "uid": "${datasource}"}
    assert variables["instance"]["datasource"] == source
    used = {panel["type"] for panel in PANELS} - {"row"}
    required = {each["id"] for each in DASHBOARD["__requires"] if each["type"] == "panel"}
    assert used == required
    for panel in PANELS:
        if panel["type"] == "row":
            continue
        assert panel["datasource"] == source and panel["targets"], panel["title"]
        assert {"defaults", "overrides"} <= panel["fieldConfig"].keys()
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references)
        for target in panel["targets"]:
            assert target["datasource"] == source
            for _, labels in selectors(target["expr"]):
                assert labels["instance"] == "$instance", target["expr"]


def test_the_panels_have_ids_and_places_of_their_own() -> None:
    ids = [panel["id"] for panel in PANELS]
    assert len(set(ids)) == len(ids) and all(isinstance(each, int) and each > 0 for each in ids)
    places = [panel["gridPos"] for panel in PANELS]
    for place in places:
        assert place["w"] > 0 and place["h"] > 0
        assert place["x"] >= 0 and place["x"] + place["w"] <= COLUMNS and place["y"] >= 0
    for (one, here), (other, there) in combinations(zip(ids, places, strict=True), 2):
        apart = (
            here["x"] + here["w"] <= there["x"]
            or there["x"] + there["w"] <= here["x"]
            or here["y"] + here["h"] <= there["y"]
            or there["y"] + there["h"] <= here["y"]
        )
        assert apart, f"panels {one} and {other} overlap"


def test_the_scrape_example_is_for_the_address_in_the_example_of_a_configuration(
    tmp_path: Path,
) -> None:
    (targets,) = (job["static_configs"][0]["targets"] for job in loaded(SCRAPE)["scrape_configs"])
    example = (ROOT / "configs/peerd.toml").read_text()
    tried = re.sub(r'# (listen = "127)', r"\1", example)
    (tmp_path / "peerd.toml").write_text(tried)
    assert Config.load(tmp_path / "peerd.toml").metrics.listen == targets[0]
    assert loaded(SCRAPE)["rule_files"] == [RULES.name]


@needed
def test_promtool_takes_rules_and_scrape_example() -> None:
    assert f"{len(alerts())} rules found" in promtool("check", "rules", str(RULES))
    promtool("check", "config", str(SCRAPE))


@needed
def test_promtool_sees_each_alert_fire_and_not_fire() -> None:
    promtool("test", "rules", str(CASES))


def test_each_alert_has_a_case_where_it_fires_and_one_where_not() -> None:
    fires: dict[str, set[bool]] = {}
    for case in loaded(CASES)["tests"]:
        for each in case["alert_rule_test"]:
            fires.setdefault(each["alertname"], set()).add(bool(each.get("exp_alerts")))
    assert fires == {rule["alert"]: {True, False} for rule in alerts()}


@needed
def test_promtool_takes_every_expression_of_the_dashboard(tmp_path: Path) -> None:
    rules = []
    for number, promql in enumerate(expressions()):
        for variable, value in GRAFANA:
            promql = promql.replace(variable, value)
        rules.append({"record": f"r{number}", "expr": promql})
    path = tmp_path / "rules.yml"
    path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool("check", "rules", str(path))
