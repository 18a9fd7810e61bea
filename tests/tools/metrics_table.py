"""Writes docs/metrics.md from the metrics of a running server: python3 tests/tools/metrics_table.py http://127.0.0.1:8080 > docs/metrics.md

Start it with every example model, let it answer one request of each kind and refuse one: a metric exists once it has counted.
"""

import re
import sys
import urllib.request

KINDS = {"histogram": ("_bucket", "_sum", "_count")}


def table(text):
    """One row a metric: name, kind, labels, help."""
    helps = dict(re.findall(r"^# HELP (\S+) (.*)$", text, re.MULTILINE))
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    rows = []
    for name in sorted(kinds):
        suffixes = "|".join(KINDS.get(kinds[name], ("",)))
        labels = {label for labels in re.findall(rf"^{name}(?:{suffixes})\{{(.*)\}} ", text, re.MULTILINE) for label in re.findall(r"(\w+)=\"", labels)}
        rows.append(f"| `{name}` | {kinds[name]} | {', '.join(sorted(labels - {'le'}))} | {helps.get(name, '')} |")
    return rows


def main():
    with urllib.request.urlopen(sys.argv[1] + "/metrics") as answer:
        text = answer.read().decode()
    print("# Metrics\n\nMade by `tests/tools/metrics_table.py` from `GET /metrics`; do not edit, `tests/test_operations.py` compares. Times are in seconds. "
          "A label\nwith more than 1,000 values counts the rest as `other`.\n\n| metric | kind | labels | what it says |\n|---|---|---|---|")
    print("\n".join(table(text)))


if __name__ == "__main__":
    main()
