"""Say facts in a clinician's words: number with unit, ISO date, range; nothing else is decided here."""

from __future__ import annotations

from cds_service.facts import Event, Measurement, Moment, Twitch


def day_of(moment: Moment | None) -> str:
    """Return the ISO date of a moment, or "date unknown"."""
    return "date unknown" if moment is None else moment.text[:10]


def inside_sentence(title: str) -> str:
    """Return a title as written inside a sentence: small, unless it begins with an abbreviation or a name."""
    first, _, rest = title.partition(" ")
    is_name = rest[:1].isupper() and rest[1:2].islower()  # "Abnormal Involuntary ..." is one name
    is_word = first == "A" or (len(first) > 1 and first[1:].islower() and not first.endswith("'s"))
    return title[0].lower() + title[1:] if is_word and not is_name else title


def describe_measurement(m: Measurement, title: str) -> str:
    """Return "Potassium 2.9 mmol/L on 2026-11-18 (range 3.5-5.0)" with its caveats."""
    value = m.reported if m.value is not None else f"reported as {m.direction or 'abnormal'}, no value"
    notes = [f"range {m.range_reported}"] if m.range_reported else []
    notes += ["preliminary"] if m.preliminary else []
    notes += ["sample doubtful"] if m.sample_doubtful and not m.sample_unusable else []
    notes += ["sample unusable"] if m.sample_unusable else []
    notes += ["unit doubtful: check"] if m.unit_doubtful else []
    tail = f" ({', '.join(notes)})" if notes else ""
    return f"{title} {value} on {day_of(m.moment)}{tail}"


def describe_event(event: Event, title: str) -> str:
    """Return "Facial droop, right, since 2026-11-20" (or "recorded ...")."""
    parts = [title]
    if event.side:
        parts.append("both sides" if event.side == "both" else event.side)
    if event.onset is not None:
        parts.append(f"since {day_of(event.onset)}")
    elif event.moment is not None:
        parts.append(f"recorded {day_of(event.moment)}")
    if event.patient_reported:
        parts.append("patient-reported")
    if event.by_text:
        parts.append("recognized by text")
    return ", ".join(parts)


def describe_twitch(twitch: Twitch) -> str:
    """Return "Twitching, lower lip, right, since 2026-11-10, clinician-recorded"."""
    parts = ["Twitching"]
    parts += [site.replace("-", " ") for site in sorted(twitch.sites)] or ["site not recorded"]
    if twitch.side:
        parts.append("both sides" if twitch.side == "both" else twitch.side)
    if twitch.onset is not None:
        parts.append(f"since {day_of(twitch.onset)}")
    elif twitch.first_recorded is not None:
        parts.append(f"recorded {day_of(twitch.first_recorded)}, onset not recorded")
    parts.append("patient-reported" if twitch.patient_reported else "clinician-recorded")
    return ", ".join(parts)
