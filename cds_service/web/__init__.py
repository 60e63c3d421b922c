"""Make the web application: settings and knowledge in, a WSGI application out."""

from __future__ import annotations

import gc
import os
import sys

from flask import Flask

from cds_service.fetch.key_sets import key_set_fetch
from cds_service.knowledge import Knowledge
from cds_service.ready import ready_knowledge, unproven
from cds_service.settings import Settings, load_settings
from cds_service.store import open_store
from cds_service.web import (
    answered,
    authentication,
    explained,
    hooks,
    metrics,
    ops,
    origins,
    problems,
    request_log,
    response_headers,
    rule_pages,
    sandbox,
)
from cds_service.web.fetching import fhir_client
from cds_service.web.paths import prefix_of, under_prefix
from cds_service.web.state import State, keep_state
from cds_service.web.turns import Turns
from cds_service.web.worker import follow_the_parent

__all__ = ["create_app", "create_app_from_environment"]

#: Calls judged at the same time in one process; whose body is still arriving does not count.
_AT_ONCE = 2
#: Seconds after which a thread that computes lets another one go on: who holds the database needs little,
#: and everybody waits for it.
_SWITCH_SECONDS = 0.001


def create_app(settings: Settings, knowledge: Knowledge | None = None) -> Flask:
    """Return the service as a WSGI application.

    Args:
        settings: Settings in force.
        knowledge: Loaded knowledge; None loads what the settings name.

    Raises:
        ContentError: The knowledge is wrong; the service does not start.
        SettingsError: The feedback store cannot be opened.
    """
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    if knowledge is None:
        knowledge = ready_knowledge(settings.content_root, settings.site_path)
    store = open_store(settings.store_url)
    access = settings.fhir_access
    turns, writes = (Turns(_AT_ONCE, settings.max_waiting) for _ in range(2))
    found = unproven(knowledge)
    metered = metrics.Metrics(knowledge, len(found))
    keep_state(
        app,
        State(
            settings,
            knowledge,
            store,
            turns,
            writes,
            metered,
            fhir_client(settings, sandbox.own_servers(settings)),
            found,
        ),
    )
    app.register_blueprint(hooks.blueprint)
    app.register_blueprint(answered.blueprint)
    app.register_blueprint(explained.blueprint)
    app.register_blueprint(ops.blueprint)
    app.register_blueprint(rule_pages.blueprint)
    sandbox.register(app, settings, knowledge)
    problems.register(app)
    response_headers.register(app)
    origins.register(app)
    metrics.register(app, metered)
    request_log.register(app, settings.log_level)
    authentication.register(
        app, settings, store, turns, writes, key_set_fetch(access.networks, access.ca_file)
    )
    prefix = prefix_of(settings.base_url)
    app.wsgi_app = under_prefix(app.wsgi_app, prefix)  # type: ignore[method-assign]
    return app


def create_app_from_environment() -> Flask:
    """Return the service with the settings of ``TWITCH_CDS_*``; what a server process starts with."""
    settings = load_settings(environment=os.environ)
    follow_the_parent(settings.stop_seconds)
    sys.setswitchinterval(_SWITCH_SECONDS)
    app = create_app(settings)
    gc.collect()
    gc.freeze()  # the knowledge stays for good: no later collection needs to walk through it
    return app
