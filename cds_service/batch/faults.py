"""The codes of what can go wrong in a batch: what each means and what to do.

B001-B019 stop a run (``BatchError``); B020-B039 cost one file, document or patient (a quarantined row);
B040-B051 stop an export (``BatchError``), B052-B059 tell what it lacks; B060-B079 are of Spark.
"""

from __future__ import annotations

from typing import Final

from cds_service.errors import BatchError, Issue
from cds_service.fhir import faults as fhir_faults

CODES: Final[dict[str, tuple[str, str]]] = {
    "B001": ("is not there.", "Check the name; a pattern that finds nothing is an error."),
    "B002": (
        "holds files of something else, or of a run before.",
        "Name an empty or new folder, or continue the run with --resume.",
    ),
    "B003": ("has no run to resume.", "Leave --resume out to begin."),
    "B004": (
        "has a run of other inputs, options or knowledge.",
        "Give the same inputs and options, or begin in a new folder.",
    ),
    "B005": ("cannot be written.", "Check space and rights; then continue with --resume."),
    "B006": ("is used by another run.", "Wait for it, or name another folder."),
    "B007": ("was stopped by the death of a worker.", "Continue with --resume; use fewer --workers."),
    "B008": ("does not add up: something is missing.", "Report it; do not use the outputs."),
    "B009": (
        "is on a disk that is too small.",
        "Make room, or name a folder on a larger disk; a run that was begun goes on with --resume.",
    ),
    "B010": ("is no output format.", "Formats are ndjson, csv, parquet, sqlite and fhir."),
    "B011": ("is no rule of this knowledge.", "`twitch-cds rules list` names them."),
    "B012": ("is missing: nothing here reads a clock.", "Name the instant, or latest."),
    "B013": (
        "is a folder without data.",
        "Files ending in .json, .ndjson or .tar are read, packed or not; name others as inputs.",
    ),
    "B018": ("needs pyarrow, which is missing.", "pip install 'twitch-cds[parquet]', or leave parquet out."),
    "B019": ("needs matplotlib, which is missing.", "pip install 'twitch-cds[report]', or leave it out."),
    "B020": ("cannot be read.", "Check the file and its rights."),
    "B021": ("is not a whole archive or is damaged.", "Send it again; what came before the damage was read."),
    "B022": ("unpacks to far more than it holds.", "Send the data in another form."),
    "B023": ("is longer than 64 MiB.", "Send one resource or Bundle a line."),
    "B024": ("is compressed in a way nobody here can read.", "Install the extra it needs, or unpack it."),
    "B025": ("is no FHIR resource.", "Send FHIR in JSON: a Bundle or a resource."),
    "B026": ("is XML or HTML.", "Send FHIR in JSON."),
    "B028": ("could not be reviewed for a defect of this program.", "Report it, never with a real record."),
    "B029": ("has no clinical date.", "Name the day: --as-of 2026-11-20."),
    "B031": ("is not UTF-8.", "Send UTF-8."),
    "B032": ("changed after the run was begun.", "Begin anew when nothing writes to it."),
    "B033": ("is a CDS Hooks request.", "Review it with `twitch-cds review`."),
    "B034": ("has only texts that cannot be read.", "Correct the lines that are named."),
    "B035": ("is a link that leads out of the folder.", "Name what it leads to as an input, too."),
    "B036": ("holds data of no patient (practitioners, organizations).", "Nothing, if that is right."),
    "B040": (
        "is no address of an export.",
        "Write https://host/fhir/Group/ID/$export, or .../Patient/$export, .../$export.",
    ),
    "B041": (
        "is no server an export may be asked of.",
        "Add its base address to the setting export_servers.",
    ),
    "B042": ("could not be asked.", "Check the server and the way to it; then continue with --resume."),
    "B043": ("did not accept the export.", "See what it says; check address, rights and scope."),
    "B044": (
        "accepted the export and named no address of a job on its own origin.",
        "Report it to those who run the server: behind a proxy, it must know its public address.",
    ),
    "B045": ("did not finish in time.", "Raise export_hours, or export a smaller group."),
    "B046": ("did not finish the export.", "See what it says; then begin anew."),
    "B047": ("no longer has the export that was begun; a new one was asked for.", "Nothing to do."),
    "B048": ("answered with no manifest that can be used.", "Report it to those who run the server."),
    "B049": (
        "gave no token.",
        "Check export_client_id, the key registered for it, export_scope and export_token_url.",
    ),
    "B050": (
        "is no private key an export can be asked with.",
        "Name a PEM or JWK file: RSA of 2048 bits or more, or EC P-384.",
    ),
    "B051": (
        "is larger than an export may be.",
        "Raise export_max_gib, or export a smaller group; then continue with --resume.",
    ),
    "B052": (
        "could not be had whole; what rests on its type is not known.",
        "Continue later, in a new folder.",
    ),
    "B053": (
        "reports errors of the export; what rests on any type is not known.",
        "Read the OperationOutcome file.",
    ),
    "B054": (
        "gives only what changed since a time; what is not in it is not known.",
        "Leave _since out to judge whole records.",
    ),
    "B055": ("could not be asked for the types that are needed; everything was asked for.", "Nothing to do."),
    "B056": ("names a file twice; it was taken once.", "Nothing to do."),
    "B057": (
        "gives no Medication with an export of this level; drugs that stand only there are not known.",
        "Ask for the export of the whole server ($export) to have them.",
    ),
    "B060": ("cannot start.", 'Install Java 17 or later and pip install "twitch-cds[spark]".'),
    "B061": (
        "has another version or knowledge than the driver.",
        "Install the same twitch-cds on every executor; content and site file must lie where all find them.",
    ),
    "B062": ("has no twitch-cds.", "Install twitch-cds on every executor, with the Python of the driver."),
    "B063": ("is not for --engine spark.", "Leave it out, or use --engine local."),
    "B064": ("mixes paths and addresses.", "Give all inputs as paths, or all as addresses (s3a://, file:///)."),
    "B065": ("could not finish.", "Look into the log of Spark; what it names first is the cause."),
    "B066": ("is larger than 2 GiB and cannot be parted.", "Unpack it, or send it in several files."),
    "B067": ("is no engine.", "Engines are local and spark."),
}  # fmt: skip


def words_of(code: str) -> tuple[str, str]:
    """Return what a code of a quarantined row means and what to do, ours or that of ``fhir.faults``."""
    return CODES[code] if code in CODES else fhir_faults.CODES[code]


#: Codes of ``fhir.faults`` that tell of something that was used all the same.
NOTES: Final = frozenset(("F033", "F051", "F091"))


def stops(code: str, where: str, detail: str = "") -> BatchError:
    """Return the error that ends a run."""
    return BatchError(told(code, where, detail))


def told(code: str, where: str, detail: str = "") -> Issue:
    """Return a fault in the common form."""
    what, remedy = CODES[code]
    return Issue(where, code, f"{what[:-1]} ({detail})." if detail else what, remedy)
