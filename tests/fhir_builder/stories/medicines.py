"""People whose medicines may be the cause, alone or together."""

from tests.fhir_builder.rows import (
    drug,
    finding,
    given,
    labs,
    problem,
    seen,
    survey,
    twitching,
    visit,
    vitals,
)
from tests.fhir_builder.story import Person, Story

METOCLOPRAMIDE = Story(
    "lips-move-on-metoclopramide",
    Person("philippa", "Philippa", "Adebayo-Kranz", "female", "1954-02-20"),
    (
        problem("diabetes", "Type 1 diabetes mellitus", "1979-06-01"),
        problem("", "Diabetic gastroparesis", "2026-06-30"),
        drug("insulin", "Insulin glargine", "2016-09-12", route="subcutaneous"),
        drug("metoclopramide", "Metoclopramide 10 mg tablet", "2026-07-03", a_day=3, mg=10),
        labs("2025-12-02 08:00", "Mg 1.8, K 4.3, Na 139, Crea 0.9, Glu 142, HbA1c 7.9, TSH 2.4"),
        labs("2026-06-30 08:00", "Mg 1.7, K 4.2, Na 138, Crea 0.9, Glu 188, HbA1c 8.3"),
        labs("2026-09-29 08:00", "Mg 1.6, K 4.1, Na 138, Crea 1.0, Glu 171"),
        visit("2026-11-20 09:30", "Lips twitch and smack, noticed by her husband three weeks ago"),
        twitching("Twitching of the lips", "2026-11-20 09:40", "2026-10-30"),
        finding("orofacial-dyskinesia", "Lip smacking movements", "2026-11-20 09:40", "2026-10-30"),
        labs(
            "2026-11-18 08:00", "Mg 1.5, K 4.0, Na 138, Ca 9.1, Alb 4.0, Crea 1.0, eGFR 60, Glu 159, TSH 2.1"
        ),
        vitals("2026-11-20 09:35", "BP 136/76, HR 80, TF 97.9, RR 14, SpO2 98, Wt 58.9"),
    ),
)

FLUNARIZINE = Story(
    "slow-and-trembling-on-flunarizine",
    Person("wilhelmina", "Wilhelmina", "Osei-Grant", "female", "1954-05-25"),
    (
        problem("migraine", "Migraine", "1988-03-03"),
        problem("hypertension", "Hypertension", "2010-07-07"),
        drug("flunarizine", "Flunarizine 10 mg tablet", "2025-08-18", mg=10, how="statement"),
        drug("", "Amlodipine 5 mg tablet", "2010-07-07", mg=5, how="statement"),
        labs(
            "2025-08-12 09:00",
            "K 4.4, Na 141, Ca 2.37, Alb 42, Mg 0.86, Crea 71, eGFR 77, Glu 5.3, TSH 1.9",
            "si",
        ),
        labs("2026-04-08 09:00", "K 4.3, Na 140, Crea 73, eGFR 74, Glu 5.5", "si"),
        visit("2026-11-20 11:00", "Slower for months; eyes squeeze shut"),
        finding("bradykinesia", "Bradykinesia", "2026-11-20 11:10", "2026-06-01"),
        seen("face-tremor", "Lip tremor", "2026-11-20 11:15"),
        finding(
            "tight-eye-closure-bilateral", "Tight eye closure, both sides", "2026-11-20 11:10", "2026-08-15"
        ),
        labs(
            "2026-11-18 09:00",
            "K 4.2, Na 140, Ca 2.36, Alb 41, Mg 0.84, Crea 74, eGFR 73, Glu 5.4, TSH 2.0",
            "si",
        ),
        vitals("2026-11-20 11:05", "BP 132/74, HR 64, T 36.3, RR 14, SpO2 97"),
    ),
)

LITHIUM_ECT = Story(
    "lithium-then-shock-therapy",
    Person("ottoline", "Ottoline", "Beauchamp-Singh", "female", "1966-06-12"),
    (
        problem("mood-disorder", "Bipolar disorder", "2014-10-01"),
        drug("lithium", "Lithium carbonate 400 mg tablet", "2015-02-10", a_day=2, mg=400),
        labs("2024-11-12 08:00", "Li 0.7, Ca 2.54, Alb 42, Crea 74, eGFR 80, TSH 2.8", "si"),
        labs("2025-11-11 08:00", "Li 0.8, Ca 2.60, Alb 42, Crea 76, eGFR 77, TSH 3.1", "si"),
        labs("2026-05-12 08:00", "Li 0.7, Ca 2.66, Alb 41, Crea 78, eGFR 74, PTH 7.8, TSH 2.9", "si"),
        labs(
            "2026-11-16 08:00",
            "Li 0.8, Ca 2.72, Alb 42, Crea 80, eGFR 71, PTH 9.3, Mg 0.93, K 4.2, Na 141, Glu 5.2",
            "si",
        ),
        visit("2026-11-20 10:30", "Electroconvulsive therapy", kind="IMP", sort="Day hospital, anesthesia"),
        given("succinylcholine", "Succinylcholine 80 mg", "2026-11-20 11:35"),
        twitching("Fasciculation all over the body", "2026-11-20 11:37", "2026-11-20 11:37"),
        vitals("2026-11-20 11:45", "BP 142/80, HR 88, T 36.8, RR 16, SpO2 99"),
    ),
)

LITHIUM_LOSARTAN = Story(
    "lithium-with-diarrhea-and-losartan",
    Person("marguerite", "Marguerite", "Abiodun", "female", "1959-01-17"),
    (
        problem("mood-disorder", "Bipolar disorder", "2011-11-20"),
        problem("hypertension", "Hypertension", "2026-10-24"),
        drug("lithium", "Lithium carbonate 300 mg capsule", "2012-01-09", a_day=2, mg=300),
        drug("losartan", "Losartan 50 mg tablet", "2026-10-24", mg=50),
        labs("2025-09-16 08:00", "Li 0.7, Na 140, K 4.3, Crea 84, eGFR 65, Ca 2.41, TSH 2.2", "si"),
        labs("2026-01-20 08:00", "Li 0.6, Na 141, Crea 86, eGFR 63", "si"),
        labs("2026-07-23 08:00", "Li 0.7, Na 141, K 4.4, Crea 90, eGFR 60, Ca 2.43, Alb 42, TSH 2.0", "si"),
        visit("2026-11-20 08:40", "Diarrhea for four days, lip twitching for two", kind="EMER"),
        finding("diarrhea-vomiting", "Diarrhea", "2026-11-20 08:50", "2026-11-16"),
        twitching("Twitching of the lower lip", "2026-11-20 08:50", "2026-11-18"),
        labs(
            "2026-11-20 09:00",
            "Na 152, K 4.1, Crea 122, eGFR 42, Urea 14.2, Ca 2.48, Alb 45, Mg 0.88, Glu 6.1",
            "si",
        ),
        vitals("2026-11-20 08:45", "BP 104/62, HR 98, T 36.9, RR 16, SpO2 97"),
    ),
)

BOY = Story(
    "boy-with-a-new-tic",
    Person("caspian", "Caspian", "Mwangi", "male", "2016-06-21"),
    (
        problem("", "Attention deficit hyperactivity disorder", "2026-11-03"),
        drug("methylphenidate", "Methylphenidate 18 mg extended-release tablet", "2026-11-08", mg=18),
        visit("2026-11-03 15:00", "Cannot sit still at school", end="2026-11-03 15:40"),
        vitals("2026-11-03 15:05", "BP 98/60, HR 82, Wt 31.5"),
        visit("2026-11-20 10:00", "Facial twitching that he can hold back, for six days"),
        twitching("Facial twitching, can be suppressed", "2026-11-20 10:10", "2026-11-14"),
        finding("tic", "Facial tic", "2026-11-20 10:10", "2026-11-14"),
        vitals("2026-11-20 10:05", "BP 104/64, HR 92, TF 98.1, RR 18, SpO2 99, Wt 31.1"),
    ),
)

STATIN = Story(
    "weak-legs-after-a-hot-half-marathon",
    Person("desmond", "Desmond", "Ferreira-Holm", "male", "1969-08-30"),
    (
        problem("", "High cholesterol", "2021-02-02"),
        drug("atorvastatin", "Atorvastatin 40 mg tablet", "2021-02-09", mg=40),
        labs("2024-10-08 08:00", "CK 138, K 4.3, Crea 0.9, TSH 1.7"),
        labs("2025-10-14 08:00", "CK 152, K 4.2, Na 140, Crea 0.9"),
        labs("2026-06-16 08:00", "CK 171, K 4.1, Na 140, Crea 1.0, Glu 92, TSH 1.6"),
        visit("2026-11-20 08:00", "Calves twitch and legs feel weak since the half marathon"),
        finding("exertion", "Half marathon in the heat", "2026-11-20 08:10", "2026-11-17"),
        twitching("Twitching of both calves", "2026-11-20 08:10", "2026-11-18"),
        finding("weakness@26544005", "Muscle weakness", "2026-11-20 08:10", "2026-11-18"),
        labs(
            "2026-11-19 17:20",
            "CK 1450, K 3.2, Na 139, Ca 9.1, Alb 4.2, Mg 1.9, Crea 1.1, eGFR 79, Glu 98",
        ),
        vitals("2026-11-20 08:05", "BP 126/78, HR 66, TF 98.4, RR 14, SpO2 98"),
    ),
)

FUNCTIONAL = Story(
    "lip-pulls-down-functional-signs",
    Person("rosalind", "Rosalind", "Quispe", "female", "1989-11-02"),
    (
        problem("", "Asthma", "2006-05-05"),
        finding("smoking-heavy", "Heavy smoker, 25 cigarettes a day", "2026-11-20 09:05"),
        drug(
            "albuterol",
            "Albuterol 2.5 mg nebulizer solution",
            "2026-11-19",
            a_day=4,
            mg=2.5,
            route="nebulized",
        ),
        labs("2025-09-24 08:00", "K 4.1, Na 139, Crea 0.7, Glu 90, TSH 1.5"),
        visit("2026-11-06 13:00", "Neurology clinic: lip pulled down on the left", end="2026-11-06 13:40"),
        finding(
            "functional-signs-positive",
            "Positive functional signs: entrainable, distractible",
            "2026-11-06 13:30",
        ),
        visit("2026-11-20 09:00", "Left lower lip still twitches and pulls"),
        twitching("Twitching of the left lower lip", "2026-11-20 09:05", "2026-10-11"),
        survey("Cigarettes per day", "2026-11-20 09:00", 25, "cigarettes/d", kind="social-history"),
        labs(
            "2026-11-18 08:00", "K 4.0, Na 140, Ca 9.5, Alb 4.4, Mg 2.0, Crea 0.7, eGFR 112, Glu 91, TSH 1.6"
        ),
        vitals("2026-11-20 09:02", "BP 118/72, HR 84, TF 98.3, RR 16, SpO2 97"),
    ),
)

STORIES = (METOCLOPRAMIDE, FLUNARIZINE, LITHIUM_ECT, LITHIUM_LOSARTAN, BOY, STATIN, FUNCTIONAL)
