import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PATIENT = ROOT / "fixtures" / "patients" / "lip-twitching-on-furosemide" / "bundle.json"
WELL = ROOT / "fixtures" / "patients" / "no-twitching" / "bundle.json"


@pytest.fixture
def run(tmp_path):
    """Run the command as a person does; return exit code, what it printed, what it complained."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TWITCH_CDS_")}

    def command(*words, **environment):
        done = subprocess.run(
            [sys.executable, "-m", "cds_service", *(str(word) for word in words)],
            cwd=tmp_path,
            env={**clean, "PYTHONPATH": str(ROOT), "COLUMNS": "100", **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout, done.stderr

    return command
