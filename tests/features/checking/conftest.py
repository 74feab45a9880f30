"""The folder of all real data sets, beside the repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.running import ROOT


@pytest.fixture(scope="session")
def real_data() -> Path:
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real data sets are not at ../shared/data")
    return folder
