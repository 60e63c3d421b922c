from cds_service.ready import bundled_patients, ready_knowledge, rehearse


def test_knowledge_is_made_ready_once():
    assert ready_knowledge(None) is ready_knowledge(None)


def test_every_bundled_patient_is_reviewed():
    assert {path.parent.name for path in bundled_patients()} >= {
        "lip-twitching-on-furosemide",
        "no-twitching",
    }
    assert rehearse(ready_knowledge(None)) == len(bundled_patients())
