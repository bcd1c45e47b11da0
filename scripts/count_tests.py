"""The last line of a test run, `N passed, N failed, N skipped`, from pytest's JUnit report."""

import sys
from xml.etree import ElementTree

suite = next(ElementTree.parse(sys.argv[1]).iter("testsuite")).attrib
skipped = int(suite["skipped"])
failed = int(suite["failures"]) + int(suite["errors"])
print(f"{int(suite['tests']) - skipped - failed} passed, {failed} failed, {skipped} skipped")
