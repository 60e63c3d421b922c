"""The fetching of one call: every key its queries, all of them together within one deadline.

A search that finds nothing is the dangerous answer: it reads as "none on record". It is not believed when
the server does not know the patient or was caught answering about another one, and not before it has shown
that it understands how its searches name the patient.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from cds_service.fetch.asking import Asker
from cds_service.fetch.authorization import Authorization, Coverage
from cds_service.fetch.deadline import Allowance
from cds_service.fetch.faults import OF_THE_SERVER, Fault, FetchFault
from cds_service.fetch.pages import Joined, Page, read_one, read_page
from cds_service.fetch.policy import next_address
from cds_service.fetch.queries import Query, Style, filled
from cds_service.fetch.transport import Line, Question
from cds_service.fetch.wire import Pin

#: Connections one call opens at most.
_LINES = 6


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a call wants: prefetch key to template, and the FHIR ids that replace ``{{context.name}}``.

    ``begun`` holds what was sent of keys whose Bundle says that there are more pages.
    """

    templates: Mapping[str, str]
    context: Mapping[str, str]
    begun: Mapping[str, bytes] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one key: a resource or Bundle, or the fault that left it without.

    ``is_empty``: a search that found nothing and says that this is all. ``has_found``: a search in which the
    server itself found something for the patient as we name it; what a caller sent, the pages that follow it
    by the caller's link, or what is missing for another reason show nothing of that. ``is_absent``: a server
    that does not know the patient of the call. ``is_foreign``: one that answered about another patient, be it
    in part.
    """

    body: bytes = field(default=b"", repr=False)
    fault: Fault | None = None
    is_empty: bool = False
    has_found: bool = False
    is_absent: bool = False
    is_foreign: bool = False


@dataclass(slots=True)
class OneCall:
    """Asks for the keys of one call over connections that end with it.

    ``understood``: the server has shown before that it understands ``style``.
    """

    pin: Pin
    asker: Asker
    authorization: Authorization
    style: Style
    most_pages: int
    allowance: Allowance
    understood: bool = False
    _lines: list[Line] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def rows(self, wanted: Wanted) -> dict[str, Row]:
        """Return what became of each key; a fault of one is no fault of another."""
        keys = sorted(wanted.templates)
        try:
            with ThreadPoolExecutor(min(_LINES, len(keys)), thread_name_prefix="fhir") as threads:
                rows = self._rows(threads, keys, wanted)
                if (fault := _mistaken(rows)) is not None:
                    return _disbelieved(rows, fault)
                self.understood |= any(row.has_found for row in rows.values())
                empty = [key for key in keys if rows[key].is_empty]
                return rows if self.understood else rows | self._doubted(threads, empty, wanted)
        finally:
            for line in self._lines:
                line.close()

    def _rows(self, threads: ThreadPoolExecutor, keys: Iterable[str], wanted: Wanted) -> dict[str, Row]:
        return dict(zip(keys, threads.map(lambda key: self._row(key, wanted), keys), strict=True))

    def _doubted(self, threads: ThreadPoolExecutor, empty: list[str], wanted: Wanted) -> dict[str, Row]:
        """Ask again, naming the patient in the other form, for what was found empty.

        Where that finds something, the server did not understand the first form. Where it could not be
        asked, nobody knows: then the answer is a gap. About another patient: nothing is believed.
        """
        usual, other = self.style, "id" if self.style.patient_form == "reference" else "reference"
        self.style = replace(usual, patient_form=other)
        again = self._rows(threads, empty, wanted)
        if (fault := _mistaken(again)) is not None:
            self.style = usual
            return _disbelieved(again, fault)
        if any(row.has_found for row in again.values()):
            self.understood = True
            return again
        self.style = usual
        unknown = OF_THE_SERVER | {Fault.RESTING}
        return {key: Row(Joined(has_gap=True).bundle()) for key, row in again.items() if row.fault in unknown}

    def _line(self) -> Line:
        """Return a connection nobody uses at the moment."""
        with self._lock:
            return self._lines.pop() if self._lines else Line(self.pin, self.allowance)

    def _row(self, key: str, wanted: Wanted) -> Row:
        line = self._line()
        joined = Joined()
        try:
            queries = filled(wanted.templates[key], wanted.context, self.style)
            begun = wanted.begun.get(key)
            for query in queries if begun is None else queries[:1]:
                coverage = self.authorization.covers(query.resource_type, search=query.is_search)
                if coverage is Coverage.NONE:
                    return Row(fault=Fault.SCOPE)
                joined.has_gap |= coverage is Coverage.PART
                if not query.is_search:
                    return self._one(line, query)
                self._search(line, query, joined, begun)
            is_empty = not joined.has_gap and not joined.matches
            return Row(
                joined.bundle(), is_empty=is_empty, has_found=joined.has_found, is_foreign=joined.has_foreign
            )
        except FetchFault as fault:
            joined.has_foreign |= fault.fault is Fault.OTHER_PATIENT and key not in wanted.begun
            return _remains(joined, fault.fault)
        finally:
            with self._lock:
                self._lines.append(line)

    def _one(self, line: Line, query: Query) -> Row:
        """Return what a read by id gives."""
        try:
            answer = self.asker.ask(line, query.question(self.pin.server, self.style))
        except FetchFault as fault:
            is_absent = fault.fault is Fault.ABSENT and query.resource_type == "Patient"
            return Row(fault=fault.fault, is_absent=is_absent)
        try:
            return Row(read_one(answer.body, query))
        except FetchFault as fault:
            return Row(fault=fault.fault, is_foreign=fault.fault is Fault.OTHER_PATIENT)

    def _search(self, line: Line, query: Query, joined: Joined, body: bytes | None = None) -> None:
        """Follow a search to its last page, or as far as it may be followed; ``body`` is a first page."""
        question = query.question(self.pin.server, self.style)
        seen = {question.url}
        pages: list[Page] = []
        was_sent = body is not None
        while True:
            body = self.asker.ask(line, question, ours=not was_sent).body if body is None else body
            page = read_page(body, query, first=not pages and not was_sent)
            pages.append(page)
            joined.add(page, body, was_begun=was_sent)
            if not page.next:
                break
            following = next_address(self.pin.server, question.url, page.next)
            if following is None or following in seen or len(pages) >= self.most_pages:
                joined.has_gap = True
                break
            seen.add(following)
            question, body = Question(following), None
        matches = sum(page.matches for page in pages)
        joined.has_gap |= pages[0].total > matches or not pages[0].patient_heeded


def _remains(joined: Joined, fault: Fault) -> Row:
    """Return the pages that came before a fault: what is there counts, the rest is a gap."""
    if not any(page.entries for page in joined.pages):
        return Row(fault=fault, is_foreign=joined.has_foreign)
    joined.has_gap = True
    return Row(joined.bundle(), has_found=joined.has_found, is_foreign=joined.has_foreign)


def _mistaken(rows: Mapping[str, Row]) -> Fault | None:
    """Return why a server that finds nothing is not believed: it does not know whom the call is about."""
    if any(row.is_absent for row in rows.values()):
        return Fault.ABSENT
    return Fault.OTHER_PATIENT if any(row.is_foreign for row in rows.values()) else None


def _disbelieved(rows: Mapping[str, Row], fault: Fault) -> dict[str, Row]:
    """Return the rows with a fault in place of every search that found nothing."""
    return {key: Row(fault=fault) if row.is_empty else row for key, row in rows.items()}
