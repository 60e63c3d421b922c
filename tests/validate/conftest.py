from pathlib import Path

import pytest

from tests.small_content import small_root


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TWITCH_CDS_CACHE", "")
    return small_root(tmp_path)
