"""The last line of a test run, `N passed, N failed, N skipped`, from pytest's JUnit reports."""

import sys
from xml.etree import ElementTree

counts = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
for report in sys.argv[1:]:
    suite = next(ElementTree.parse(report).iter("testsuite")).attrib
    counts = {name: count + int(suite[name]) for name, count in counts.items()}
failed = counts["failures"] + counts["errors"]
print(f"{counts['tests'] - counts['skipped'] - failed} passed, {failed} failed, {counts['skipped']} skipped")
