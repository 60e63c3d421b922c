"""The people the first examples of the documents are about."""

from tests.fhir_builder.rows import (
    Row,
    allergy,
    asked,
    changed,
    drug,
    finding,
    labs,
    problem,
    procedure,
    seen,
    twitching,
    vaccine,
    visit,
    vitals,
)
from tests.fhir_builder.story import Person, Story

ALS = Story(
    "arm-fasciculation-with-wasting",
    Person("motora", "Matthias", "Okonjo", "male", "1964-06-30"),
    (
        problem("", "Benign prostatic hyperplasia", "2021-04-12"),
        drug("", "Tamsulosin 0.4 mg", "2021-04-12"),
        visit("2025-11-03 08:00", "Yearly check-up", end="2025-11-03 08:50"),
        labs("2025-11-03 08:40", "K 4.2, Na 140, Ca 9.4, Alb 4.3, Crea 0.9, Glu 101, CK 178, TSH 1.9"),
        visit("2026-08-10 15:00", "Drops things from the right hand", end="2026-08-10 15:40"),
        finding(
            "weakness-progressive",
            "Progressive weakness of the right hand",
            "2026-08-10 15:10",
            "2026-05-01",
            note="Gradually worsening weakness, no numbness",
        ),
        labs("2026-08-10 15:30", "K 4.3, Na 141, Ca 9.5, Alb 4.3, Mg 2.0, Crea 0.8, Glu 96, CK 261, TSH 2.0"),
        visit("2026-11-20 09:00", "Twitching of both arms"),
        twitching("Fasciculation of both arms", "2026-11-20 09:20", "2026-08-01"),
        finding("atrophy@88092000", "Muscle wasting of the right hand", "2026-11-20 09:20"),
        twitching("Tongue fasciculation", "2026-11-20 09:20", code=("snomed", "249878001")),
        labs("2026-11-18 07:30", "K 4.2, Na 140, Ca 9.4, Alb 4.2, Mg 2.1, Crea 0.7, Glu 97, CK 318, TSH 1.8"),
        vitals("2026-11-20 09:05", "BP 138/84, HR 72, TF 98.0, RR 16, SpO2 97, Wt 71.5"),
    ),
)

COMFORT = Story(
    "comfort-care-low-potassium",
    Person("serena", "Serafina", "Lundqvist", "female", "1938-03-03"),
    (
        problem("cancer", "Metastatic cancer of the pancreas", "2026-06-02"),
        problem("comfort-care", "Comfort measures only", "2026-11-12"),
        drug("furosemide", "Furosemide 40 MG Oral Tablet", "2026-08-01", mg=40, product="200809"),
        drug("morphine", "Morphine oral solution", "2026-11-12", a_day=0, coded=False),
        labs("2026-08-20 07:00", "K 3.6, Na 138, Crea 1.1, Alb 3.2"),
        labs("2026-10-15 07:00", "K 3.1, Na 136, Crea 1.2, Alb 2.9"),
        visit("2026-11-12 10:00", "Comfort care", kind="IMP"),
        twitching("Facial twitching", "2026-11-19 08:00", "2026-11-18"),
        labs("2026-11-18 07:00", "K 2.4, Na 135, Crea 1.3"),
    ),
)

OMEPRAZOLE = Story(
    "cramps-on-omeprazole-magnesium-unknown",
    Person("gastro", "Gaspard", "Iwu-Holloway", "male", "1956-12-12"),
    (
        problem("", "Gastro-esophageal reflux disease", "2022-10-05"),
        problem("", "Osteoarthritis of the knee", "2017-06-01"),
        drug("omeprazole", "Omeprazole 20 MG Delayed Release Oral Capsule", "2022-10-05", mg=20),
        drug("atorvastatin", "Atorvastatin 20 mg", "2016-03-01", mg=20),
        labs("2024-04-09 09:30", "K 4.3, Na 140, Crea 0.9, Glu 94, CK 96"),
        labs("2025-04-15 09:30", "K 4.2, Na 140, Crea 1.0, Glu 97, CK 104"),
        visit("2026-04-14 09:00", "Blood pressure and cholesterol", end="2026-04-14 09:40"),
        labs("2026-04-14 09:30", "K 4.0, Na 139, Crea 1.0, Glu 96, CK 101"),
        visit("2026-11-20 09:00", "Cramps in both calves at night"),
        finding("cramp@R25.2", "Leg cramps", "2026-11-20 09:10", "2026-10-20", by="icd-10-cm"),
        vitals("2026-11-20 09:05", "BP 134/80, HR 68, TF 97.8, RR 14, SpO2 98"),
    ),
)

DECEASED = Story(
    "deceased-with-low-calcium",
    Person("absalom", "Absalom", "Ferrante", "male", "1941-02-11", died="2026-11-15 03:20"),
    (
        labs("2026-05-06 08:00", "Ca 8.9, Alb 4.1, K 3.9, Crea 1.2"),
        labs("2026-09-09 08:00", "Ca 8.2, Alb 4.0, K 3.4, Crea 1.4"),
        visit("2026-11-14 18:00", "Muscle twitching and weakness", end="2026-11-15 03:20", kind="IMP"),
        labs("2026-11-14 19:00", "Ca 6.4, Alb 4.0, K 2.3, Crea 1.7"),
    ),
)

SPORTSMAN = Story(
    "denied-twitching-fast-twitch-fibers",
    Person("marton", "Marton", "Szabo-Clarke", "male", "1999-01-30"),
    (
        visit("2025-12-02 16:00", "Knee pain after running", end="2025-12-02 16:20"),
        problem("", "Patellofemoral pain", "2025-12-02"),
        labs("2025-12-02 16:15", "K 4.0, Na 141, Crea 1.0, Glu 84, CK 188"),
        asked(
            "2026-11-20 08:25",
            ("Do you have muscle twitching", False),
            ("Anything else we should know", "No muscle twitching. My brother has an eyelid twitch."),
        ),
        visit(
            "2026-11-20 08:30",
            "Sports medicine check-up; denies twitching, cramps or weakness",
            also="Training plan for fast-twitch fibers",
        ),
        labs("2026-11-20 08:50", "K 3.4, Na 140, Ca 9.4, Alb 4.5, Mg 2.0, Crea 1.1, Glu 88, CK 194, TSH 1.9"),
        vitals("2026-11-20 08:35", "BP 118/70, HR 54, TF 97.9, RR 12, SpO2 99, Wt 74"),
    ),
)

EYELID = Story(
    "eyelid-twitch-nothing-else",
    Person("lidia", "Lidia", "Amoako", "female", "1997-08-08"),
    (
        visit("2026-03-11 09:00", "Travel vaccination", end="2026-03-11 09:15"),
        vaccine("Hepatitis A vaccine", "2026-03-11"),
        visit("2026-11-20 09:00", "Left eyelid twitching for 6 days, nothing else"),
        vitals("2026-11-20 09:05", "BP 112/68, HR 66, TF 98.1, RR 14, SpO2 99"),
    ),
)

BELL = Story(
    "facial-palsy-since-yesterday",
    Person("bella", "Isabella", "Thornbury-Eze", "female", "1982-05-16"),
    (
        problem("diabetes@73211009", "Type 1 diabetes mellitus", "1995-08-01"),
        drug("insulin", "Insulin glargine", "2015-01-01", route="subcutaneous", coded=False),
        labs("2025-11-18 08:00", "Glu 132, HbA1c 7.2, Crea 0.8, K 4.4"),
        visit("2026-02-02 09:00", "Influenza", end="2026-02-02 09:15"),
        labs("2026-05-19 08:00", "Glu 161, HbA1c 7.5, Crea 0.8, K 4.3, TSH 2.2"),
        labs(
            "2026-11-18 08:00",
            "K 4.2, Na 140, Ca 9.4, Alb 4.3, Mg 2.0, Crea 0.9, Glu 148, HbA1c 7.4, TSH 1.9",
        ),
        visit("2026-11-20 08:00", "Lip twitching, right side of the face hangs since yesterday afternoon"),
        twitching("Twitching of the lip", "2026-11-20 08:10", "2026-11-19"),
        finding(
            "facial-droop", "Drooping of the right side of the face", "2026-11-20 08:10", "2026-11-19 16:00"
        ),
        finding("facial-palsy-lmn", "Forehead weakness, right", "2026-11-20 08:10", "2026-11-19 16:00"),
        vitals("2026-11-20 08:05", "BP 126/78, HR 80, TF 98.2, RR 14, SpO2 98"),
    ),
)

SEIZURE = Story(
    "first-seizure-after-lip-twitching",
    Person("convulsia", "Conrad", "Mbeki", "male", "1996-01-20"),
    (
        problem("", "Asthma, mild", "2008-03-01"),
        labs("2025-02-25 09:00", "Na 139, K 4.1, Glu 88, Crea 0.9"),
        visit("2026-11-20 02:40", "First convulsion at night, lip twitching the day before", kind="EMER"),
        twitching("Twitching of the lip", "2026-11-20 03:00", "2026-11-19"),
        finding("seizure@91175000", "Generalized convulsion", "2026-11-20 03:00", "2026-11-20 02:00"),
        labs("2026-11-20 03:10", "Na 131, Glu 94, K 3.9, Crea 0.9"),
        vitals("2026-11-20 03:00", "BP 132/80, HR 98, TF 98.8, RR 18, SpO2 97"),
    ),
)

INFANT = Story(
    "infant-tongue-fasciculation-low-tone",
    Person("infans", "Ilya", "Brandt-Nwosu", "male", "2026-02-23"),
    (
        visit("2026-08-24 09:00", "Check-up at six months", end="2026-08-24 09:20"),
        vaccine("DTaP vaccine", "2026-08-24"),
        vitals("2026-08-24 09:05", "HR 124, RR 32, Wt 7.4"),
        visit("2026-11-20 09:00", "Not sitting yet, floppy"),
        twitching("Tongue fasciculation", "2026-11-20 09:10", "2026-10-20", code=("snomed", "249878001")),
        finding("hypotonia", "Hypotonia", "2026-11-20 09:10", "2026-08-24"),
        vitals("2026-11-20 09:05", "HR 118, RR 34, SpO2 98, Wt 8.2"),
    ),
)

HYPOPARA = Story(
    "known-hypoparathyroidism-no-recent-calcium",
    Person("parat", "Paraskevi", "Dunmore", "female", "1981-12-01"),
    (
        problem(
            "hypoparathyroidism@E20.0",
            "Hypoparathyroidism after thyroid surgery",
            "2021-06-10",
            by="icd-10-cm",
        ),
        procedure("thyroidectomy@13619001", "Total thyroidectomy", "2021-03-15"),
        drug("", "Calcitriol 0.25 mcg", "2021-06-10", how="statement"),
        drug("", "Calcium carbonate 500 mg", "2021-06-10", how="statement"),
        visit("2025-09-10 09:00", "Endocrinology follow-up", end="2025-09-10 09:20"),
        labs("2025-09-10 09:05", "Ca 8.8, Alb 4.2, P 4.4, Mg 2.0, Crea 0.8"),
        visit("2026-03-11 09:00", "Endocrinology follow-up", end="2026-03-11 09:20"),
        labs("2026-03-11 09:05", "Ca 8.6, Alb 4.2, P 4.6, Mg 1.9, Crea 0.8"),
        visit("2026-09-16 09:00", "Endocrinology follow-up", end="2026-09-16 09:20"),
        labs("2026-09-16 09:05", "Ca 8.4, Alb 4.2, P 4.7, Mg 1.9, Crea 0.8"),
        visit("2026-11-20 09:00", "Lip twitching for 5 days"),
        twitching("Twitching of the lip", "2026-11-20 09:10", "2026-11-15"),
        vitals("2026-11-20 09:05", "BP 116/72, HR 74, TF 98.1, RR 14, SpO2 99"),
    ),
)

HEMIFACIAL = Story(
    "left-eyelid-and-cheek-spasm-two-months",
    Person("hemia", "Hermia", "Castellan-Odhiambo", "female", "1975-04-27"),
    (
        labs("2025-10-07 08:00", "K 4.1, Na 139, Crea 0.8, Glu 90, TSH 2.0"),
        visit("2026-09-28 09:00", "Left eyelid twitching", end="2026-09-28 09:40"),
        twitching("Left eyelid twitching", "2026-09-28 09:10", "2026-09-20", code=("icd-10-cm", "R25.3")),
        labs("2026-09-28 09:30", "K 4.2, Na 140, Ca 9.4, Alb 4.3, Mg 2.0, Crea 0.8, Glu 88, TSH 1.9"),
        visit("2026-11-20 09:00", "Left eyelid and cheek twitching for 2 months"),
        labs("2026-11-17 08:00", "K 4.0, Na 139, Ca 9.5, Alb 4.4, Mg 2.1, Crea 0.9, Glu 92, TSH 2.1"),
        vitals("2026-11-20 09:05", "BP 128/80, HR 72, TF 98.0, RR 14, SpO2 99"),
    ),
)

NO_TESTS = Story(
    "lip-twitching-no-tests-yet",
    Person("nova", "Nova", "Bergstrom", "female", "2000-04-04"),
    (
        visit("2026-06-09 09:00", "Contraception advice", end="2026-06-09 09:20"),
        visit("2026-11-20 09:00", "Lip twitching for 3 days"),
        twitching("Twitching of the lip", "2026-11-20 09:10", "2026-11-17"),
        vitals("2026-11-20 09:05", "BP 116/74, HR 68, TF 98.2, RR 14, SpO2 99"),
    ),
)

PREDNISONE = Story(
    "lip-twitching-on-furosemide-and-prednisone",
    Person("lipia", "Philomena", "Radcliffe-Sow", "female", "1968-03-14"),
    (
        problem("", "Ankle edema", "2025-03-02"),
        problem("", "Seasonal allergic rhinitis", "2011-05-02"),
        problem("anxiety-panic@F41.1", "Generalized anxiety disorder", "2026-02-11", by="icd-10-cm"),
        allergy("Penicillin", "Rash"),
        drug("furosemide", "Furosemide 40 MG Oral Tablet", "2025-03-02", mg=40, product="200809"),
        drug("", "Loratadine 10 mg", "2024-04-01", a_day=0),
        visit("2025-09-15 09:00", "Yearly check-up", end="2025-09-15 09:50"),
        labs("2025-09-15 09:40", "K 4.1, Na 140, Ca 9.4, Alb 4.3, Mg 1.9, Crea 0.9, Glu 88, TSH 1.9"),
        labs("2026-03-17 08:00", "K 3.9, Na 140, Mg 1.8, Crea 0.9, Glu 91"),
        visit(
            "2026-10-28 14:00",
            "Swelling and pain of both wrists",
            end="2026-10-28 14:40",
            sort="Rheumatology visit",
        ),
        problem("", "Polymyalgia rheumatica", "2026-10-28"),
        drug("prednisone", "Prednisone 20 MG Oral Tablet", "2026-10-28", a_day=2, mg=20, product="312615"),
        drug("", "Calcium carbonate and vitamin D", "2026-10-28"),
        labs("2026-10-28 14:30", "K 3.7, Na 140, Mg 1.7, Crea 0.9, Glu 97"),
        visit("2026-11-20 09:30", "Twitching of the lower lip for 10 days"),
        twitching("Twitching of the lower lip", "2026-11-20 09:40", "2026-11-10"),
        labs("2026-11-19 07:40", "K 2.9, Na 139, Ca 9.4, Alb 4.3, Mg 1.34, Crea 0.9, Glu 112, TSH 2.1"),
        vitals("2026-11-20 09:35", "BP 128/78, HR 80, TF 98.1, RR 14, SpO2 98"),
    ),
)

POTASSIUM_AGAIN = Story(
    "lip-twitching-potassium-normal-again",
    Person("resolva", "Renata", "Solvang", "female", "1970-02-02"),
    (
        labs("2025-12-09 08:00", "K 4.3, Na 140, Crea 0.9, Glu 90, TSH 2.0"),
        visit("2026-11-12 09:00", "Diarrhea for three days", end="2026-11-12 09:40"),
        labs("2026-11-12 09:30", "K 2.8, Na 137, Ca 9.2, Alb 4.3, Mg 1.9, Crea 1.0, Glu 88, TSH 1.9"),
        labs("2026-11-14 08:00", "K 3.4, Na 138, Crea 0.9"),
        visit("2026-11-20 09:00", "Lip twitching for 5 days"),
        twitching("Twitching of the lip", "2026-11-20 09:10", "2026-11-15"),
        labs("2026-11-19 08:00", "K 3.9, Na 140, Ca 9.4, Alb 4.3, Mg 2.0, Crea 0.9, Glu 88, TSH 1.8"),
        vitals("2026-11-20 09:05", "BP 122/76, HR 70, TF 98.0, RR 14, SpO2 99"),
    ),
)

LITHIUM = Story(
    "lithium-high-after-ibuprofen",
    Person("lithea", "Lithea", "Mockup", "female", "1979-10-02"),
    (
        problem("mood-disorder", "Bipolar disorder", "2019-03-15"),
        drug("lithium", "Lithium carbonate 450 mg", "2019-03-20", a_day=2),
        visit("2025-11-10 09:00", "Lithium check", end="2025-11-10 09:20"),
        labs("2025-11-10 09:05", "Li 0.7, Crea 0.93, eGFR 79, Na 140, Ca 9.5, TSH 2.8"),
        visit("2026-02-12 09:00", "Lithium check", end="2026-02-12 09:20"),
        labs("2026-02-12 09:05", "Li 0.8, Crea 0.95, eGFR 77, Na 140"),
        visit("2026-05-14 09:00", "Lithium check", end="2026-05-14 09:20"),
        labs("2026-05-14 09:05", "Li 0.7, Crea 0.94, eGFR 78, Na 141"),
        visit("2026-08-13 09:00", "Lithium check", end="2026-08-13 09:20"),
        labs(
            "2026-08-13 09:05",
            "Li 0.8, Crea 0.95, eGFR 78, Na 140, K 4.3, Ca 9.6, Alb 4.2, Mg 2.0, Glu 92, TSH 3.1",
        ),
        visit("2026-11-11 17:00", "Back pain after gardening", end="2026-11-11 17:15"),
        drug("ibuprofen", "Ibuprofen 600 MG Oral Tablet", "2026-11-11", a_day=3, mg=600),
        visit("2026-11-20 09:30", "Lip twitching for 5 days"),
        twitching(
            "Twitching of the upper lip", "2026-11-20 09:40", "2026-11-15", code=("icd-10-cm", "R25.3")
        ),
        labs("2026-11-20 10:00", "Li 1.8, Crea 1.04, eGFR 68, Na 138, K 4.2"),
        vitals("2026-11-20 09:35", "BP 126/76, HR 78, TF 98.3, RR 14, SpO2 98"),
    ),
)

LOW_CALCIUM = Story(
    "low-calcium-twelve-days-not-repeated",
    Person("calla", "Calla", "Wetherby", "female", "1961-07-07"),
    (
        problem("", "Osteoporosis", "2020-02-02"),
        labs("2024-11-05 09:00", "Ca 9.3, Alb 4.2, Crea 0.8, TSH 2.2"),
        labs("2025-11-04 09:00", "Ca 8.9, Alb 4.2, Crea 0.9, TSH 2.0"),
        visit("2026-11-08 09:00", "Yearly check-up", end="2026-11-08 09:40"),
        labs("2026-11-08 09:30", "K 4.2, Na 140, Ca 7.2, Alb 4.2, Crea 0.9, Glu 88, TSH 1.9"),
        visit("2026-11-20 09:00", "Knee pain"),
        vitals("2026-11-20 09:05", "BP 132/80, HR 72, TF 98.0, RR 14, SpO2 98"),
    ),
)

NEPHROTIC = Story(
    "low-total-calcium-with-low-albumin",
    Person("nephra", "Nefeli", "Sandoval", "female", "1983-11-25"),
    (
        problem("", "Nephrotic syndrome", "2026-07-01"),
        labs("2025-03-18 08:00", "Ca 9.4, Alb 4.4, Crea 0.8"),
        visit("2026-07-01 09:00", "Swollen legs", end="2026-07-01 10:00"),
        labs("2026-07-01 09:50", "K 4.2, Na 140, Ca 8.4, Alb 2.7, Mg 2.0, Crea 0.9, Glu 88, TSH 1.9"),
        labs("2026-09-09 08:00", "K 4.1, Ca 8.2, Alb 2.4, Crea 0.9"),
        visit("2026-11-20 09:00", "Facial twitching for 5 days"),
        twitching("Facial twitching", "2026-11-20 09:10", "2026-11-15"),
        labs("2026-11-19 08:00", "K 4.2, Na 140, Ca 8.0, Alb 2.2, Mg 2.0, Crea 0.9, Glu 90, TSH 2.1"),
        vitals("2026-11-20 09:05", "BP 128/84, HR 76, TF 98.1, RR 14, SpO2 98, Wt 68"),
    ),
)

HALOPERIDOL = Story(
    "mouth-movements-on-haloperidol",
    Person("haldor", "Haldor", "Achebe-Lynn", "male", "1972-01-08"),
    (
        problem("", "Schizophrenia", "2019-05-05"),
        drug("haloperidol", "Haloperidol 5 MG Oral Tablet", "2024-10-01", mg=5, product="310672"),
        drug("risperidone", "Risperidone 2 mg tablet", "2019-05-10", mg=2, until="2020-01-15"),
        visit("2025-03-04 10:00", "Psychiatry follow-up", end="2025-03-04 10:30"),
        labs("2025-03-04 10:20", "Glu 92, HbA1c 5.4, K 4.3, Crea 1.0"),
        visit("2025-10-07 10:00", "Psychiatry follow-up", end="2025-10-07 10:30"),
        labs("2025-10-07 10:20", "Glu 98, HbA1c 5.6, K 4.2, Crea 1.0, TSH 2.3"),
        visit("2026-04-21 10:00", "Psychiatry follow-up", end="2026-04-21 10:30"),
        visit("2026-11-20 10:00", "Movements of tongue and lips noticed by his sister"),
        finding("orofacial-dyskinesia", "Orofacial dyskinesia", "2026-11-20 10:10", "2026-09-15"),
        labs(
            "2026-11-17 08:00",
            "K 4.2, Na 140, Ca 9.4, Alb 4.3, Mg 2.0, Crea 0.9, Glu 101, HbA1c 5.6, TSH 1.9",
        ),
        vitals("2026-11-20 10:05", "BP 124/80, HR 76, TF 98.0, RR 14, SpO2 98, Wt 88"),
    ),
)

WELL = Story(
    "no-twitching",
    Person("well", "Wendell", "Ashgrove", "male", "1990-01-15"),
    (
        labs("2024-11-19 08:10", "K 4.4, Na 141, Crea 78, Glu 5.0, TSH 1.8", "si"),
        labs("2025-11-18 08:10", "K 4.3, Na 140, Crea 80, Glu 5.1", "si"),
        labs("2026-11-18 08:10", "K 4.2, Na 140, Ca 2.35, Alb 44, Mg 0.85, Crea 79, Glu 5.0, TSH 1.7", "si"),
        vitals("2026-11-20 08:05", "BP 120/76, HR 62, T 36.5, RR 12, SpO2 99"),
    ),
)

SEROTONIN = Story(
    "ocular-clonus-on-sertraline-and-linezolid",
    Person("serotonia", "Serge", "Villeneuve-Adu", "male", "1990-09-05"),
    (
        problem("mood-disorder", "Major depressive disorder", "2024-01-15"),
        drug("sertraline", "Sertraline 100 MG Oral Tablet", "2024-01-20", mg=100, product="312938"),
        visit("2026-11-16 10:00", "Infected hip prosthesis", kind="IMP"),
        labs(
            "2026-11-16 11:00", "K 4.2, Na 140, Ca 9.4, Alb 4.1, Mg 2.0, Crea 0.9, Glu 104, CK 144, TSH 1.9"
        ),
        vitals("2026-11-16 10:30", "BP 128/76, HR 88, T 38.2, RR 16, SpO2 98"),
        drug(
            "linezolid", "Linezolid 600 MG Oral Tablet", "2026-11-18 08:00", a_day=2, mg=600, product="311347"
        ),
        labs("2026-11-18 06:30", "K 4.0, Na 139, Crea 0.9, Glu 98"),
        vitals("2026-11-19 08:00", "BP 132/80, HR 96, T 37.4, RR 16, SpO2 98"),
        seen("ocular-clonus", "Ocular clonus", "2026-11-20 09:00"),
        seen("agitation", "Agitation", "2026-11-20 09:00"),
        labs("2026-11-20 06:30", "K 4.3, Na 140, Crea 1.0, CK 312"),
        vitals("2026-11-20 09:00", "BP 158/92, HR 118, T 38.4, RR 20, SpO2 97"),
    ),
)

THYROIDECTOMY = Story(
    "perioral-tingling-after-thyroidectomy",
    Person("thyra", "Thyra", "Testcase", "female", "1992-07-21"),
    (
        problem("migraine", "Migraine without aura", "2015-02-10"),
        visit("2026-08-03 10:00", "Goiter", end="2026-08-03 11:00"),
        problem("", "Multinodular goiter", "2026-08-03"),
        labs("2026-08-03 10:40", "K 4.2, Na 140, Ca 9.4, Alb 4.3, Mg 2.0, Crea 0.8, Glu 88, TSH 2.4"),
        visit(
            "2026-11-17 07:00",
            "Total thyroidectomy",
            end="2026-11-18 15:00",
            kind="IMP",
            sort="Surgical admission",
        ),
        procedure("thyroidectomy@13619001", "Total thyroidectomy", "2026-11-17 08:30"),
        labs("2026-11-17 07:15", "Ca 9.3, Alb 4.2, K 4.1"),
        labs("2026-11-18 06:00", "Ca 8.9, Alb 4.0, K 4.0"),
        drug("levothyroxine", "Levothyroxine 100 mcg", "2026-11-18", coded=False),
        drug("", "Acetaminophen 500 mg", "2026-11-18", a_day=0),
        visit("2026-11-20 10:20", "Tingling around the mouth since last night", kind="EMER"),
        finding("perioral-paresthesia", "Tingling around the mouth", "2026-11-20 10:30", "2026-11-19 22:00"),
        changed(labs("2026-11-20 10:31", "Ca 3.7")[0], status="entered-in-error"),
        labs("2026-11-20 10:45", "Ca 7.3, Alb 3.8", status="corrected"),
        labs("2026-11-20 10:45", "Crea 0.7, K 4.0"),
        vitals("2026-11-20 10:25", "BP 118/72, HR 92, TF 98.4, RR 16, SpO2 99"),
    ),
)


def _without_unit(row: Row) -> Row:
    """The result as a laboratory sends it that forgot unit and range."""
    value = {"value": row.resource["valueQuantity"]["value"]}
    return changed(row, valueQuantity=value, referenceRange=None, interpretation=None)


NO_UNIT = Story(
    "potassium-result-without-unit",
    Person("unita", "Unity", "Marchbanks", "female", "1975-09-19"),
    (
        visit("2026-05-20 09:00", "Yearly check-up", end="2026-05-20 09:50"),
        labs("2026-05-20 09:40", "K 4.2, Na 140, Ca 9.4, Alb 4.3, Mg 2.0, Crea 0.9, Glu 88, TSH 1.9"),
        visit("2026-11-20 09:00", "Cheek twitching for 4 days"),
        twitching("Twitching of the right cheek", "2026-11-20 09:10", "2026-11-16"),
        _without_unit(labs("2026-11-18 08:00", "K 29")[0]),
        labs("2026-11-18 08:00", "Na 140, Ca 9.5, Alb 4.4, Mg 2.1, Crea 0.9, Glu 90, TSH 2.0"),
        vitals("2026-11-20 09:05", "BP 124/76, HR 70, TF 98.1, RR 14, SpO2 99"),
    ),
)

STROKE = Story(
    "stroke-features-two-hours",
    Person("apoplia", "Apollonia", "Kessler", "female", "1954-05-09"),
    (
        problem("hypertension", "Essential hypertension", "2012-09-01"),
        problem("atrial-fibrillation", "Atrial fibrillation", "2024-02-20"),
        drug("apixaban", "Apixaban 5 MG Oral Tablet", "2024-02-20", a_day=2, mg=5, coded=False),
        drug("", "Amlodipine 5 mg", "2018-01-10", mg=5),
        labs("2025-05-06 11:30", "K 4.4, Na 139, Crea 0.8, eGFR 76, Glu 99"),
        visit("2026-05-04 11:00", "Blood pressure check", end="2026-05-04 11:40"),
        labs("2026-05-04 11:30", "K 4.2, Na 140, Ca 9.4, Alb 4.3, Mg 2.0, Crea 0.9, Glu 104, TSH 1.9"),
        vitals("2026-05-04 11:05", "BP 152/88, HR 82"),
        visit(
            "2026-11-20 11:10",
            "Right side of the face twitching, then drooping; right arm weak, since ten o'clock",
            kind="EMER",
        ),
        twitching("Twitching of the right side of the face", "2026-11-20 11:15", "2026-11-20 10:00"),
        finding(
            "facial-droop@R29.810",
            "Drooping of the right side of the face",
            "2026-11-20 11:15",
            "2026-11-20 10:00",
            by="icd-10-cm",
        ),
        finding("", "Right arm weakness", "2026-11-20 11:15", "2026-11-20 10:00"),
        labs("2026-11-20 11:20", "Glu 118"),
        vitals("2026-11-20 11:12", "BP 178/96, HR 104, TF 98.2, RR 18, SpO2 96"),
    ),
)

STORIES = (
    ALS,
    COMFORT,
    OMEPRAZOLE,
    DECEASED,
    SPORTSMAN,
    EYELID,
    BELL,
    SEIZURE,
    INFANT,
    HYPOPARA,
    HEMIFACIAL,
    NO_TESTS,
    PREDNISONE,
    POTASSIUM_AGAIN,
    LITHIUM,
    LOW_CALCIUM,
    NEPHROTIC,
    HALOPERIDOL,
    WELL,
    SEROTONIN,
    THYROIDECTOMY,
    NO_UNIT,
    STROKE,
)
