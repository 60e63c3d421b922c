"""People with a disease of nerve, brain or movement, or one they were born with."""

from tests.fhir_builder.rows import (
    drug,
    family,
    finding,
    labs,
    problem,
    procedure,
    report,
    twitching,
    visit,
    vitals,
)
from tests.fhir_builder.story import Person, Story

MS = Story(
    "multiple-sclerosis-medicines-stopped",
    Person("henrietta", "Henrietta", "Szymanski-Cole", "female", "1987-03-08"),
    (
        problem("multiple-sclerosis@G35", "Multiple sclerosis", "2018-05-14", by="icd-10-cm"),
        drug("baclofen", "Baclofen 10 mg tablet", "2023-01-16", a_day=3, mg=10, until="2026-11-15"),
        drug("diazepam", "Diazepam 5 mg tablet", "2024-10-07", a_day=2, mg=5, until="2026-11-15"),
        labs("2025-10-20 08:00", "K 4.2, Na 141, Crea 0.7, Glu 89"),
        labs("2026-05-04 08:00", "K 4.3, Na 140, Crea 0.7, TSH 2.2, VitD 38"),
        visit("2026-11-20 10:00", "Both arms twitch since Monday; ran out of tablets on Sunday"),
        twitching("Twitching of both arms", "2026-11-20 10:10", "2026-11-16"),
        finding("insomnia", "Insomnia", "2026-11-20 10:10", "2026-11-16"),
        labs(
            "2026-11-19 08:00", "K 4.1, Na 139, Ca 9.3, Alb 4.2, Mg 2.0, Crea 0.7, eGFR 112, Glu 94, TSH 2.0"
        ),
        vitals("2026-11-20 10:05", "BP 128/80, HR 96, TF 98.9, RR 16, SpO2 99"),
    ),
)

FRACTURE = Story(
    "cheek-never-still-after-a-skull-fracture",
    Person("thaddeus", "Thaddeus", "Okonkwo-Bell", "male", "1993-02-27"),
    (
        visit(
            "2026-09-21 18:20",
            "Fell from the bicycle on the right side of the head",
            end="2026-09-24 11:00",
            kind="IMP",
        ),
        procedure("head-face-injury@82271004", "Head injury", "2026-09-21 17:40"),
        report("CT of the temporal bone", "2026-09-21 19:30", "Temporal bone fracture, right"),
        labs("2026-09-21 18:45", "K 4.0, Na 139, Crea 0.9, Glu 118"),
        visit("2026-11-20 09:00", "Right cheek twitches without a pause since 11 October"),
        twitching("Persistent twitching of the right cheek", "2026-11-20 09:10", "2026-10-11"),
        labs(
            "2026-11-18 08:00", "K 4.2, Na 140, Ca 9.5, Alb 4.5, Mg 2.1, Crea 0.9, eGFR 115, Glu 90, TSH 1.3"
        ),
        vitals("2026-11-20 09:05", "BP 122/76, HR 62, TF 98.0, RR 12, SpO2 99"),
    ),
)

ISAACS = Story(
    "stiff-sweating-muscles-never-still",
    Person("evander", "Evander", "Rasmussen", "male", "1978-09-09"),
    (
        labs("2025-08-19 08:00", "K 4.4, Na 141, Crea 82, Glu 5.0, TSH 1.8, CK 160", "si"),
        visit("2026-10-13 10:00", "Arms and legs twitch, muscles stiff", end="2026-10-13 10:30"),
        labs("2026-10-13 10:40", "K 4.3, Na 140, Ca 2.40, Alb 44, Mg 0.87, Crea 84, CK 188, TSH 1.7", "si"),
        visit("2026-11-20 10:00", "Twitching and stiffness no better"),
        twitching("Fasciculation of arms and legs", "2026-11-20 10:10", "2026-09-11"),
        finding("stiffness@249919003", "Muscle stiffness", "2026-11-20 10:10", "2026-09-15"),
        finding("hyperhidrosis", "Excessive sweating", "2026-11-20 10:10", "2026-09-20"),
        labs(
            "2026-11-18 08:00",
            "K 4.2, Na 140, Ca 2.38, Alb 43, Mg 0.86, Crea 83, eGFR 98, Glu 5.1, CK 194, TSH 1.9",
            "si",
        ),
        vitals("2026-11-20 10:05", "BP 130/80, HR 88, T 36.8, RR 14, SpO2 99, Wt 79"),
    ),
)

SYNKINESIS = Story(
    "old-facial-palsy-now-deaf-on-that-side",
    Person("gwendolyn", "Gwendolyn", "Appiah-Stone", "female", "1966-04-18"),
    (
        problem("bells-palsy", "Bell's palsy, right", "2023-09-05", end="2024-02-01"),
        labs("2025-11-18 08:00", "K 4.1, Na 139, Crea 0.8, Glu 97, HbA1c 5.5"),
        labs("2026-05-19 08:00", "K 4.2, Na 140, Crea 0.8, Glu 95, TSH 2.9"),
        visit("2026-11-20 11:00", "Chin twitches on the right; right ear hears less and less"),
        twitching("Twitching of the chin, right side", "2026-11-20 11:10", "2026-10-20"),
        finding("hearing-loss", "Hearing loss of the right ear", "2026-11-20 11:10", "2026-08-01"),
        labs(
            "2026-11-17 08:00", "K 4.3, Na 140, Ca 9.4, Alb 4.3, Mg 2.0, Crea 0.8, eGFR 84, Glu 96, TSH 2.7"
        ),
        vitals("2026-11-20 11:05", "BP 134/80, HR 70, TF 98.1, RR 14, SpO2 98"),
    ),
)

KENNEDY = Story(
    "chin-twitching-and-breast-growth",
    Person("ignatius", "Ignatius", "Varga-Cheng", "male", "1976-07-04"),
    (
        problem("diabetes", "Type 2 diabetes mellitus", "2022-06-06"),
        drug("metformin", "Metformin 500 mg tablet", "2022-06-06", a_day=2, mg=500),
        labs("2023-06-13 08:00", "CK 410, Glu 138, HbA1c 7.1"),
        labs("2025-02-11 08:00", "CK 520, Glu 129, HbA1c 6.8, Crea 0.7, TSH 1.8"),
        labs("2026-06-23 08:00", "CK 560, K 4.2, Na 140, Glu 127, HbA1c 6.7, TSH 1.9, B12 480"),
        visit("2026-11-20 09:00", "Chin twitches for three weeks"),
        twitching("Fasciculation of the chin", "2026-11-20 09:10", "2026-10-31"),
        finding("gynecomastia", "Gynecomastia, both sides", "2026-11-20 09:10", "2021-04-12"),
        labs(
            "2026-11-17 08:00", "CK 600, K 4.1, Na 140, Ca 9.4, Alb 4.4, Mg 1.9, Crea 0.6, eGFR 119, Glu 121"
        ),
        vitals("2026-11-20 09:05", "BP 128/82, HR 74, TF 98.2, RR 14, SpO2 98"),
    ),
)

CHOREA = Story(
    "restless-face-after-starting-the-pill",
    Person("zainab", "Zainab", "Thorvaldsen", "female", "2002-01-21"),
    (
        drug("ethinyl-estradiol", "Ethinyl estradiol and levonorgestrel tablet", "2026-09-25"),
        labs("2026-09-18 09:00", "K 4.2, Na 139, Crea 66, Glu 4.8", "si"),
        visit("2026-11-20 10:00", "Face and hands will not keep still"),
        twitching("Twitching of the face", "2026-11-20 10:10", "2026-10-31"),
        finding("chorea", "Choreiform movements of face and hands", "2026-11-20 10:10", "2026-11-04"),
        labs(
            "2026-11-18 09:00",
            "K 4.1, Na 140, Ca 2.36, Alb 43, Mg 0.84, Crea 64, eGFR 115, Glu 4.9, TSH 1.7",
            "si",
        ),
        labs("2026-11-18 09:00", "Cp 0.34, Cu 19.8, PTH 4.1", "si"),
        vitals("2026-11-20 10:05", "BP 116/70, HR 78, T 36.6, RR 14, SpO2 99"),
    ),
)

DIGEORGE = Story(
    "hand-cramps-with-22q11-deletion",
    Person("calliope", "Calliope", "Nwosu-Hart", "female", "2010-08-15"),
    (
        problem("digeorge-22q11@Q93.81", "22q11.2 deletion syndrome", "2012-03-19", by="icd-10-cm"),
        problem("", "Repaired ventricular septal defect", "2011-02-10"),
        labs("2024-06-11 10:00", "Ca 9.6, Alb 4.3, P 4.4, Mg 2.0, PTH 22"),
        labs("2025-06-10 10:00", "Ca 9.3, Alb 4.3, P 4.6, Mg 1.9, PTH 19, TSH 2.1"),
        labs("2026-06-02 10:00", "Ca 9.0, Alb 4.3, P 4.4, Mg 1.9, PTH 17"),
        visit("2026-11-20 09:00", "Hands cramp when she writes, since last week"),
        finding("cramp", "Muscle cramps of both hands", "2026-11-20 09:10", "2026-11-12"),
        vitals("2026-11-20 09:05", "BP 108/64, HR 78, TF 98.0, RR 16, SpO2 99, Wt 52.4"),
    ),
)

GENIOSPASM = Story(
    "chin-quivers-since-he-was-a-baby",
    Person("mattias", "Mattias", "Oyelaran", "male", "2011-04-10"),
    (
        family("MTH", "Mother", "Geniospasm", "geniospasm"),
        visit("2026-08-25 09:00", "Neurology clinic: chin quivering", end="2026-08-25 09:40"),
        procedure("neurology-visit", "Neurology clinic visit", "2026-08-25 09:00"),
        labs("2026-08-25 10:00", "K 4.3, Na 140, Ca 9.7, Alb 4.6, Mg 2.0, Crea 0.7, Glu 91, TSH 2.3"),
        visit("2026-11-20 09:00", "Chin quivers before school presentations"),
        twitching("Quivering of the chin since infancy", "2026-11-20 09:10", "2011-10-01"),
        labs(
            "2026-11-16 10:00", "K 4.2, Na 140, Ca 9.6, Alb 4.5, Mg 2.0, Crea 0.7, eGFR 110, Glu 88, TSH 2.2"
        ),
        vitals("2026-11-20 09:05", "BP 112/66, HR 74, TF 98.2, RR 16, SpO2 99, Wt 58"),
    ),
)

STORIES = (MS, FRACTURE, ISAACS, SYNKINESIS, KENNEDY, CHOREA, DIGEORGE, GENIOSPASM)
