"""People whose twitching has an everyday cause, or whose record must not be taken for more than it is."""

from tests.fhir_builder.rows import finding, labs, problem, seen, survey, twitching, visit, vitals
from tests.fhir_builder.story import Person, Story

CALVES = Story(
    "calf-twitching-normal-strength",
    Person("calvin", "Calvin", "Marchetti", "male", "1998-02-17"),
    (
        labs("2025-03-04 09:00", "K 4.4, Na 141, Crea 0.9, Glu 86, CK 131"),
        visit("2026-10-12 13:00", "Calves twitch at rest", end="2026-10-12 13:30"),
        labs("2026-10-12 13:40", "K 4.2, Na 140, Ca 9.4, Alb 4.3, Mg 2.0, Crea 0.9, Glu 88, TSH 1.9, CK 120"),
        twitching("Twitching of both calves", "2026-10-12 13:20", "2026-09-25"),
        visit("2026-11-20 10:00", "Twitching of both calves for 8 weeks, worried"),
        seen("strength-normal-documented", "Muscle strength normal in all limbs", "2026-11-20 10:20"),
        survey("Coffee cups per day", "2026-11-20 10:10", 5, "cups/d", kind="social-history"),
        survey("GAD-7 total score", "2026-11-20 10:10", 13),
        survey("Hours of sleep", "2026-11-20 10:10", 5, "h/d", kind="social-history"),
        labs(
            "2026-11-20 10:30",
            "K 4.3, Na 139, Ca 9.5, Alb 4.4, Mg 2.1, Crea 0.9, eGFR 119, Glu 91, TSH 2.1, CK 126",
        ),
        vitals("2026-11-20 10:05", "BP 124/76, HR 70, TF 98.2, RR 14, SpO2 99"),
    ),
)

PANIC = Story(
    "carpopedal-spasm-calcium-normal",
    Person("tetania", "Odalys", "Brightwater", "female", "2001-10-10"),
    (
        problem("anxiety-panic@F41.0", "Panic disorder", "2023-03-03", by="icd-10-cm"),
        labs("2025-05-13 09:00", "K 4.0, Na 140, Ca 9.5, Alb 4.3, Crea 0.7, TSH 2.1"),
        labs("2026-04-07 09:00", "K 4.1, Na 139, Ca 9.3, Alb 4.2, Mg 2.1, Crea 0.7, TSH 1.9"),
        visit("2026-11-20 09:40", "Cramped hands after a panic attack", kind="EMER"),
        finding("carpopedal-spasm", "Carpopedal spasm", "2026-11-20 09:50", "2026-11-20 09:00"),
        labs("2026-11-20 09:55", "pH 7.53, pCO2 24, iCa 1.14"),
        labs("2026-11-20 10:00", "K 4.2, Na 140, Ca 9.4, Alb 4.2, Mg 2.2, P 2.5, Crea 0.7, eGFR 121, Glu 88"),
        vitals("2026-11-20 09:45", "BP 132/78, HR 104, TF 98.4, RR 28, SpO2 99"),
    ),
)

STORIES = (CALVES, PANIC)
