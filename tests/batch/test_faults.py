"""Every code of the batch that is raised or written has its words."""

import re
from pathlib import Path

from cds_service.batch import faults

CODE = re.compile(r'"(B\d{3})"')


def test_every_code_that_is_used_has_words_and_every_word_is_used():
    texts = {path: path.read_text(encoding="utf-8") for path in Path(faults.__file__).parent.rglob("*.py")}
    used = {code for path, text in texts.items() if path.name != "faults.py" for code in CODE.findall(text)}
    assert used == faults.CODES.keys()
    assert all(what.endswith(".") and remedy.endswith(".") for what, remedy in faults.CODES.values())
