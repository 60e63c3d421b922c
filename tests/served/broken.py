"""Loaded by the interpreter of a service under test as ``sitecustomize``: breaks it inside, now and then.

The words of each fault quote all the broken function was given, as careless code would: the record, the token.
"""

import functools
import importlib
import itertools
from pathlib import Path

#: Each so many calls of a function one breaks; those of many calls a request rarely, the others often.
PLACES = {
    "cds_service.engine.program:RuleNode.judge": 173,
    "cds_service.engine.program:RuleNode.trace": 173,
    "cds_service.fhir.strict:_check": 11,
    "cds_service.cards.cautions:_cautions": 5,
    "cds_service.web.hooks:answer_call": 7,
    "cds_service.web.hooks:remember": 7,
    "cds_service.web.hooks:recall_answers_of": 3,
    "cds_service.web.answered:read_feedback": 5,
    "cds_service.web.metrics:Metrics._data": 3,
    "cds_service.fetch.client:FhirClient.fetch_missing": 3,
    "cds_service.fetch.asking:Asker.ask": 5,
    "cds_service.auth.verify:check_claims": 19,
}


#: Nothing breaks before this file is there, or the service would not start.
ARMED = Path("armed")


def _breaking(function, every):
    turns = itertools.count(1)

    @functools.wraps(function)
    def broken(*arguments, **named):
        if next(turns) % every == 0 and ARMED.exists():
            quoted = [repr(getattr(item, "facts", item)) for item in (*arguments, *named.values())]
            raise RuntimeError(" ".join(quoted))
        return function(*arguments, **named)

    return broken


def break_all():
    """Break every place; a place that is not there any more is an error."""
    for place, every in PLACES.items():
        module, _, path = place.partition(":")
        owner = importlib.import_module(module)
        *outer, name = path.split(".")
        for step in outer:
            owner = getattr(owner, step)
        setattr(owner, name, _breaking(getattr(owner, name), every))
