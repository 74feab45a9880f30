"""Run by tests as a process of its own: imports files into homes in children, which the tests kill as they please.

Each line of the input is a home and the files to import, separated by tabs, or "wait". For a home a child is forked,
which costs milliseconds where a new Python costs seconds; its id is printed. For "wait" the children are waited for,
and how each ended is printed: 0, or the number of the signal that ended it.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

from features.home import Home
from features.importing import import_files
from features.mapping import parse_mapping
from tests.companies import NOW


def main(text: str) -> None:
    mapping = parse_mapping(text, "the test's mapping")
    children = []
    for line in sys.stdin:
        if line.strip() == "wait":
            print(*(os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
                    for status in (os.waitpid(child, 0)[1] for child in children)), flush=True)
            children = []
            continue
        home, *files = line.rstrip("\n").split("\t")
        child = os.fork()
        if child == 0:
            try:
                for file in files:
                    import_files(Home.open(home, must_exist=False), Path(file), mapping, text, NOW)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        children.append(child)
        print(child, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]).read_text(encoding="utf-8"))
