"""The dashboard and the alerts rest on what the server shows.

    python dashboard.py DASHBOARD ALERTS PAGE-OF-METRICS RULES-TO-WRITE

Every metric and label that a query names is on the page; every panel says what it shows and in which
unit, takes the data source that is chosen, and covers no other. The queries are written as rules, for
`promtool check rules` to parse.
"""

import json
import re
import sys

import yaml

# What Prometheus adds, and what the query language is made of.
OF_PROMETHEUS = {"up"}
LABELS_OF_PROMETHEUS = {"job", "instance", "le"}
WORDS = set("""
    sum min max avg count topk rate increase changes absent time histogram_quantile by without on ignoring and or
    unless bool offset group_left group_right label_values
    """.split())


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        dashboard = json.load(file)
    with open(sys.argv[2], encoding="utf-8") as file:
        alerts = [rule for group in yaml.safe_load(file)["groups"] for rule in group["rules"]]
    with open(sys.argv[3], encoding="utf-8") as file:
        metrics, labels = shown(file.read())

    wrong = faults_of_form(dashboard)
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    queries = [(panel["title"], target["expr"]) for panel in panels for target in panel["targets"]]
    queries += [(it["name"], it["expr"]) for it in dashboard["annotations"]["list"]]
    variables = [(it["name"], it["definition"]) for it in dashboard["templating"]["list"] if it["type"] == "query"]
    named = set()
    for where, query in queries + variables + [(rule["alert"], rule["expr"]) for rule in alerts]:
        found, found_labels = names(query)
        named |= found
        wrong += [f"{where}: the server shows no {name}" for name in sorted(found - metrics - OF_PROMETHEUS)]
        unknown = sorted(found_labels - labels - LABELS_OF_PROMETHEUS)
        wrong += [f"{where}: no metric has the label {name}" for name in unknown]
    wrong += [f"{rule['alert']} does not say what to do" for rule in alerts if "description" not in rule["annotations"]]
    unused = sorted(family(name) for name in metrics - named if family(name) not in map(family, named))
    if wrong:
        sys.exit("\n".join(wrong))
    with open(sys.argv[4], "w", encoding="utf-8") as file:
        rules = [{"record": f"panel:{number}", "expr": plain(query)} for number, (_, query) in enumerate(queries)]
        yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}, file)
    print(f"dashboard: {len(panels)} panels and {len(alerts)} alerts; not shown: {', '.join(unused) or 'nothing'}")


def shown(page):
    """The metrics and labels of a page."""
    lines = [line for line in page.splitlines() if line and not line.startswith("#")]
    return {re.match(r"\w+", line)[0] for line in lines}, set(re.findall(r'(\w+)="', page))


def family(name):
    return re.sub(r"_(bucket|sum|count)$", "", name)


def names(query):
    """The metrics and labels that a query names."""
    matched = re.findall(r"\{([^{}]*)\}", query)
    labels = {label for inside in matched for label in re.findall(r"(\w+)\s*[=!]", inside)}
    rest = re.sub(r"\{[^{}]*\}|\[[^\]]*\]|\"[^\"]*\"", " ", query)
    for lists in re.findall(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)", rest):
        labels |= set(re.findall(r"\w+", lists))
    rest = re.sub(r"\b(?:by|without|on|ignoring)\s*\([^)]*\)", " ", rest)
    rest = re.sub(r"label_values\(([^,]*),\s*(\w+)\)", r"\1", rest)
    return {word for word in re.findall(r"[a-zA-Z_]\w*", rest) if word not in WORDS}, labels


def plain(query):
    """A query as Prometheus takes it, without Grafana's variables."""
    return re.sub(r"\$__\w+", "5m", query).replace("$job", ".*").replace("$instance", ".*")


def faults_of_form(dashboard):
    wrong, seen, taken = [], set(), set()
    for panel in dashboard["panels"]:
        where, at = panel["title"], panel["gridPos"]
        if panel["id"] in seen:
            wrong.append(f"{where}: its id is another's")
        seen.add(panel["id"])
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        if cells & taken or at["x"] + at["w"] > 24:
            wrong.append(f"{where}: it covers another panel, or leaves the page")
        taken |= cells
        if panel["type"] == "row":
            continue
        if len(panel.get("description", "")) < 10:
            wrong.append(f"{where}: it does not say what it shows")
        if "unit" not in panel["fieldConfig"]["defaults"]:
            wrong.append(f"{where}: it has no unit")
        for target in [panel, *panel["targets"]]:
            if target["datasource"].get("uid") != "${datasource}":
                wrong.append(f"{where}: its data source cannot be chosen")
    return wrong


main()
