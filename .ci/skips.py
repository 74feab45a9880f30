"""Fail when a test was skipped for a reason that the list does not name: a green run must have run everything.

Usage: skips.py REPORT.xml ALLOWED. Each line of ALLOWED is a regular expression for the reason; # starts a comment.
"""

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

report, allowed = sys.argv[1:]
patterns = [line.strip() for line in Path(allowed).read_text(encoding="utf-8").splitlines()
            if line.strip() and not line.startswith("#")]
unlisted = []
for case in ElementTree.parse(report).iter("testcase"):
    for skipped in case.iter("skipped"):
        reason = skipped.get("message", "")
        if not any(re.search(pattern, reason) for pattern in patterns):
            unlisted.append(f"  {case.get('classname')}::{case.get('name')}: {reason}")
if unlisted:
    sys.exit("Skipped without leave (see .ci/allowed-skips):\n" + "\n".join(unlisted))
