"""Write ``bundle.json`` of every story: ``python -m tests.fhir_builder.patients``, then ``…requests``.

``expected.json`` is written by hand and never by this program.
"""

from tests.fhir_builder.requests import PATIENTS
from tests.fhir_builder.stories import STORIES
from tests.fhir_builder.writing import text_of

#: The Bundle of every story, by the name of its folder; made as JSON would hold it.
WRITTEN = {story.name: story.bundle() for story in STORIES}

if __name__ == "__main__":
    for name, bundle in WRITTEN.items():
        (PATIENTS / name).mkdir(exist_ok=True)
        (PATIENTS / name / "bundle.json").write_text(text_of(bundle) + "\n", encoding="utf-8")
