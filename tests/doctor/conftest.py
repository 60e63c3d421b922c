from datetime import UTC, datetime

import pytest

from cds_service.doctor import Wishes, examine
from cds_service.knowledge import load_knowledge
from cds_service.settings import Settings

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def knowledge():
    return load_knowledge()


@pytest.fixture(scope="session")
def look(knowledge):
    """Examine a body; settings as keywords of ``settings``, wishes as keywords."""

    def examined(body, *, settings=(), **wishes):
        values = {name: tuple(v) if type(v) is list else v for name, v in dict(settings).items()}
        in_force = Settings(**{"allow_as_of": True, **values})
        return examine(body, wishes.pop("knowledge", knowledge), in_force, Wishes(**{"now": NOW, **wishes}))

    return examined


def ids(examination):
    """Return the ids of what was found."""
    return {trouble.kind.id for trouble in examination.troubles}
