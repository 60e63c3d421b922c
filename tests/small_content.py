"""A content root of its own for tests: the real terminology and settings, and a rule made here."""

from __future__ import annotations

import shutil
from pathlib import Path

from cds_service.content import content_root

RULE = """\
id: low-magnesium
title: Low magnesium in tests
status: active
version: 1
date: "2025-01-01"
description: A rule made for tests of the machinery, not of medicine.
cause: low-magnesium
category: [electrolyte]
role: contributor
ages: adult
gate: twitch
hooks: [patient-view]
when:
  all:
    - {lab: magnesium, below: 0.70 mmol/L, within: usual}
    - any:
        - {drug: omeprazole, as: culprit}
        - {condition: [malabsorption, alcohol-use-disorder]}
unless: {condition: hypoparathyroidism}
strength:
  established: {symptom: [cramp, tetany]}
  otherwise: probable
indicator:
  critical: {lab: magnesium, below: 0.40 mmol/L, within: fresh}
  otherwise: info
card:
  summary: "Magnesium {magnesium}[ with {culprit}]: possible contributor to twitching; assess."
  detail:
    - "Magnesium {magnesium} on {magnesium.date}."
    - {say: "Cramp is recorded.", when: {symptom: cramp}}
workup:
  - {order: magnesium-serum, why: to confirm, when: {lab: magnesium, is: missing, within: 3 days}}
references:
  - {key: SPEC-0.3, supports: association, read: memory}
sentinels:
  fires: {twitch: lip, labs: {magnesium: "0.60 mmol/L, 2 days ago"}, drugs: [omeprazole oral]}
  near_miss: {labs: {magnesium: "0.70 mmol/L, 2 days ago"}}
"""

CASES = """\
rule: low-magnesium
patient:
  twitch: lip right, 50 days ago
  labs: {magnesium: "0.60 mmol/L, 10 days ago"}
  drugs: ["omeprazole oral, since 200 days ago"]
cases:
  - name: low with the drug
    expect: {strength: probable, indicator: info, summary: with omeprazole, orders: magnesium-serum}
  - {name: at the limit, but: {labs: {magnesium: "0.70 mmol/L, 10 days ago"}}, expect: no-match}
  - {name: just below, but: {labs: {magnesium: "0.69 mmol/L, 10 days ago"}}, expect: match}
  - {name: never measured, but: {labs: {magnesium: none}}, expect: {verdict: unknown, missing: magnesium}}
  - {name: no twitch, but: {twitch: none}, expect: no-match}
"""


def small_root(folder: Path) -> Path:
    """Make a content root in ``folder`` with one rule and its cases; return it."""
    real = content_root()
    shutil.copytree(real / "cards", folder / "cards", ignore=shutil.ignore_patterns("rules", "definitions"))
    (folder / "terminology").symlink_to(real / "terminology")
    for group in ("electrolyte", "red-flag", "workup"):
        (folder / "cards" / "rules" / group).mkdir(parents=True)
    write(folder, "cards/rules/electrolyte/low-magnesium.yaml", RULE)
    write(folder, "tests/cases/electrolyte/low-magnesium.yaml", CASES)
    return folder


def write(root: Path, path: str, text: str) -> None:
    """Write one content file, making its folders."""
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text, encoding="utf-8")


def change(root: Path, path: str, old: str, new: str) -> None:
    """Replace words that must be there."""
    text = (root / path).read_text(encoding="utf-8")
    assert old in text, f"{old!r} is not in {path}"
    (root / path).write_text(text.replace(old, new), encoding="utf-8")
