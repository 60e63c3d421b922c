"""People whose salts, minerals, glucose or hormones are out of order."""

from tests.fhir_builder.rows import (
    drug,
    finding,
    given,
    labs,
    problem,
    procedure,
    survey,
    twitching,
    visit,
    vitals,
)
from tests.fhir_builder.story import Person, Story

UREMIA = Story(
    "uremia-with-gabapentin",
    Person("tobias", "Tobias", "Achterberg", "male", "1949-05-17"),
    (
        problem("ckd@N18.5", "Chronic kidney disease, stage 5", "2024-03-11"),
        problem("diabetes", "Type 2 diabetes mellitus", "2003-09-02"),
        problem("neuropathy", "Peripheral neuropathy", "2019-02-14"),
        drug("gabapentin", "Gabapentin 300 mg capsule", "2019-02-14", a_day=3, mg=300),
        drug("ramipril", "Ramipril 5 mg tablet", "2012-06-30", mg=5),
        drug("insulin", "Insulin glargine", "2015-01-20", route="subcutaneous"),
        labs(
            "2025-11-12 09:10", "K 4.9, Na 139, Crea 312, eGFR 18, Urea 21.4, Ca 2.24, Alb 39, Mg 0.88", "si"
        ),
        labs(
            "2026-03-18 09:05", "K 5.1, Na 138, Crea 356, eGFR 15, Urea 25.8, Ca 2.22, Alb 38, TSH 2.3", "si"
        ),
        labs(
            "2026-07-22 09:20", "K 5.2, Na 139, Crea 401, eGFR 13, Urea 30.1, Ca 2.20, Alb 38, HCO3 20", "si"
        ),
        visit("2026-11-20 09:00", "Twitching all over the body for 6 days"),
        twitching("Generalized muscle twitching", "2026-11-20 09:10", "2026-11-14"),
        labs("2026-11-19 08:40", "K 5.9, Na 137, Crea 452, eGFR 11, Urea 41, iCa 1.02, Mg 0.91", "si"),
        labs("2026-11-19 08:40", "P 2.05, HCO3 17, Glu 8.9, PTH 38", "si"),
        vitals("2026-11-20 09:05", "BP 152/84, HR 84, T 36.6, RR 18, SpO2 97"),
    ),
)

DIALYSIS = Story(
    "denosumab-on-dialysis",
    Person("consolata", "Consolata", "Mbeki-Lindqvist", "female", "1958-08-23"),
    (
        problem("dialysis", "Hemodialysis three times a week", "2022-04-04", by="icd-10-cm"),
        problem("", "Osteoporosis", "2023-10-10"),
        drug("magnesium-hydroxide", "Magnesium hydroxide laxative", "2026-08-02", a_day=2),
        given("denosumab", "Denosumab 60 mg", "2026-10-16 10:00", route="subcutaneous"),
        labs("2026-07-10 07:15", "K 5.0, Ca 9.2, Alb 4.0, P 5.1, Mg 2.4, PTH 310"),
        labs("2026-09-11 07:15", "K 5.2, Ca 9.1, Alb 4.0, P 5.3, Mg 2.7"),
        labs("2026-10-16 07:20", "K 5.1, Ca 9.0, Alb 4.1, P 5.0, Mg 3.4, TSH 2.8"),
        labs("2026-11-02 07:15", "K 5.0, Ca 8.3, Alb 4.0, P 4.2, Mg 4.4"),
        visit("2026-11-20 07:00", "Jaw twitching for 4 days", sort="Dialysis unit"),
        twitching("Twitching of the jaw", "2026-11-20 07:10", "2026-11-16"),
        labs(
            "2026-11-19 07:15",
            "K 5.3, Na 138, Ca 7.9, Alb 4.0, P 3.8, Mg 5.2, PTH 655, Urea 48, Crea 6.8, Glu 104",
        ),
        vitals("2026-11-20 07:05", "BP 138/70, HR 76, T 36.5, RR 16, SpO2 98"),
    ),
)

ZOLEDRONATE = Story(
    "tingling-after-zoledronate",
    Person("ingrid", "Ingrid", "Vasquez-Thorne", "female", "1945-02-11"),
    (
        problem("", "Osteoporosis", "2020-05-06"),
        problem("", "Alzheimer disease", "2024-09-17"),
        drug("donepezil", "Donepezil 5 mg tablet", "2025-10-01", mg=5, until="2026-11-12"),
        drug("donepezil", "Donepezil 10 mg tablet", "2026-11-12", mg=10),
        given("zoledronic-acid", "Zoledronic acid 5 mg infusion", "2026-11-10 11:00"),
        labs("2025-06-03 08:30", "Ca 2.38, Alb 42, Crea 78, eGFR 66, VitD 58", "si"),
        labs("2026-05-19 08:30", "Ca 2.35, Alb 41, Crea 80, eGFR 65, K 4.3, Na 140, TSH 1.7", "si"),
        labs("2026-11-09 08:20", "Ca 2.31, Alb 42, Crea 81, eGFR 64, VitD 61", "si"),
        visit("2026-11-20 10:00", "Tingling around the mouth and twitching calves"),
        finding("perioral-paresthesia", "Tingling around the mouth", "2026-11-20 10:10", "2026-11-14"),
        twitching("Fasciculation of both calves", "2026-11-20 10:10", "2026-11-15"),
        labs(
            "2026-11-19 08:15",
            "Ca 2.02, Alb 42, Mg 0.82, P 0.86, K 4.1, Na 139, Crea 82, eGFR 64, Glu 5.4",
            "si",
        ),
        vitals("2026-11-20 10:05", "BP 134/72, HR 66, T 36.4, RR 14, SpO2 97"),
    ),
)

DRINKER = Story(
    "last-drink-twenty-hours-ago",
    Person("ruairi", "Ruairi", "Castellanos", "male", "1977-03-29"),
    (
        problem("alcohol-use-disorder@7200002", "Alcohol dependence", "2018-11-05"),
        labs("2026-02-03 14:10", "K 3.9, Na 137, Ca 8.9, Alb 3.8, Mg 1.8, P 3.1, Crea 0.8, Glu 88"),
        labs("2026-06-16 15:30", "K 3.8, Na 136, Ca 8.8, Alb 3.7, Mg 1.7, P 2.9, TSH 1.2"),
        visit("2026-11-20 09:20", "Shaking hands, sweating, twitching of face and arms", kind="EMER"),
        finding("tremor", "Tremor of both hands", "2026-11-20 09:30", "2026-11-20 03:00", by="icd-10-cm"),
        twitching("Twitching of face and arms", "2026-11-20 09:30", "2026-11-19"),
        finding("diaphoresis", "Profuse sweating", "2026-11-20 09:30", "2026-11-20 03:00"),
        survey("Hours since last drink", "2026-11-20 09:35", 20, "h"),
        survey("CIWA-Ar score", "2026-11-20 09:40", 14),
        labs("2026-11-20 09:45", "K 3.6, Na 136, Ca 7.8, Alb 3.4, Mg 1.1, P 2.6, Crea 0.7, eGFR 109, Glu 58"),
        vitals("2026-11-20 09:25", "BP 148/92, HR 112, T 37.2, RR 18, SpO2 98"),
    ),
)

COPD = Story(
    "lung-flare-with-five-drugs",
    Person("bartholomew", "Bartholomew", "Nkemelu", "male", "1960-07-08"),
    (
        problem("chronic-lung-disease", "Chronic obstructive pulmonary disease", "2014-01-15"),
        problem("hypertension", "Hypertension", "2011-04-20"),
        drug("theophylline", "Theophylline 300 mg extended-release tablet", "2019-10-02", a_day=2, mg=300),
        drug("chlorthalidone", "Chlorthalidone 25 mg tablet", "2020-03-12", mg=25),
        drug("clarithromycin", "Clarithromycin 500 mg tablet", "2026-11-14", a_day=2, mg=500),
        drug("prednisone", "Prednisone 40 mg a day", "2026-11-15", mg=40),
        drug(
            "albuterol",
            "Albuterol 2.5 mg nebulizer solution",
            "2026-11-15",
            a_day=4,
            mg=2.5,
            route="nebulized",
        ),
        labs("2025-10-08 08:00", "K 4.0, Na 140, Crea 0.9, Glu 96, Theo 13.2"),
        labs("2026-04-14 08:05", "K 3.8, Na 139, Crea 1.0, Glu 99, Theo 14.0, TSH 1.4"),
        labs("2026-09-15 08:00", "K 3.7, Na 139, Crea 0.9, Glu 101, Theo 13.6"),
        visit("2026-11-20 08:30", "Hands and lips twitching for 3 days, cough"),
        twitching("Twitching of hands and lips", "2026-11-20 08:40", "2026-11-17"),
        labs(
            "2026-11-19 08:10",
            "K 3.1, Na 138, Ca 9.2, Alb 4.0, Mg 1.9, Crea 1.0, eGFR 83, Glu 131, Theo 24.1",
        ),
        vitals("2026-11-20 08:35", "BP 142/84, HR 108, TF 98.8, RR 20, SpO2 94"),
    ),
)

TRANSPLANT = Story(
    "kidney-transplant-magnesium-falling",
    Person("marisol", "Marisol", "Eikhenbaum", "female", "1981-12-04"),
    (
        problem("", "Kidney transplant", "2026-09-20"),
        problem("diabetes", "Diabetes mellitus after transplantation", "2026-10-12"),
        problem("", "Latent tuberculosis infection", "2026-09-28"),
        drug(
            "cyclosporine", "Cyclosporine 100 mg capsule", "2026-09-20", a_day=2, mg=100, until="2026-10-28"
        ),
        drug("tacrolimus", "Tacrolimus 2 mg capsule", "2026-10-28", a_day=2, mg=2),
        drug("prednisone", "Prednisone 20 mg a day", "2026-09-20", mg=20),
        drug("isoniazid", "Isoniazid 300 mg tablet", "2026-10-01", mg=300),
        labs("2026-09-28 07:00", "K 4.4, Mg 1.9, Crea 1.4, eGFR 48, Ca 9.0, Alb 3.8, Glu 132, TSH 2.2"),
        labs("2026-10-12 07:00", "K 4.3, Mg 1.8, Crea 1.2, eGFR 56, Ca 9.1, Alb 3.9, Glu 148"),
        labs("2026-10-26 07:00", "K 4.5, Mg 1.7, Crea 1.1, eGFR 61, Ca 9.2, Alb 4.0, Glu 139"),
        labs("2026-11-09 07:00", "K 4.6, Mg 1.5, Crea 1.1, eGFR 62, Ca 9.2, Alb 4.1, Glu 121"),
        visit("2026-11-20 08:00", "Transplant clinic: upper lip twitching since 8 November"),
        twitching("Twitching of the upper lip", "2026-11-20 08:10", "2026-11-08"),
        labs("2026-11-19 07:00", "K 4.6, Na 139, Mg 1.3, Crea 1.1, eGFR 62, Ca 9.2, Alb 4.1, Glu 118"),
        vitals("2026-11-20 08:05", "BP 128/78, HR 74, T 36.7, RR 14, SpO2 99"),
    ),
)

REFEEDING = Story(
    "feeding-restarted-three-days-ago",
    Person("soleil", "Soleil", "Abernathy-Diop", "female", "2007-03-14"),
    (
        problem("eating-disorder@56882008", "Anorexia nervosa", "2024-01-22"),
        labs("2026-08-12 10:00", "K 3.9, Na 138, P 3.3, Mg 1.9, Ca 9.3, Alb 4.2, Crea 0.6, Glu 74, TSH 1.5"),
        visit("2026-11-16 15:00", "Very low weight", kind="IMP"),
        procedure("nutrition-restarted", "Tube feeding started", "2026-11-17 08:00"),
        labs("2026-11-16 16:00", "K 3.9, Na 137, P 2.6, Mg 1.9, Ca 9.1, Alb 4.0, Crea 0.6, Glu 71, B1 48"),
        labs("2026-11-18 06:30", "K 3.8, P 2.2, Mg 1.8, Glu 96"),
        labs("2026-11-19 06:30", "K 3.7, P 1.9, Mg 1.8, Glu 102"),
        labs("2026-11-20 06:30", "K 3.6, Na 137, P 1.5, Mg 1.8, Ca 9.0, Alb 3.9, Crea 0.6, Glu 99"),
        twitching("Twitching of both calves", "2026-11-20 07:30", "2026-11-19"),
        finding("cramp", "Cramps in the calves", "2026-11-20 07:30", "2026-11-19"),
        vitals("2026-11-20 06:00", "BP 96/60, HR 58, T 36.1, RR 14, SpO2 99, Wt 38.4"),
    ),
)

PSEUDO = Story(
    "high-parathyroid-hormone-low-calcium",
    Person("emeka", "Emeka", "Lindholm-Okafor", "male", "2004-06-19"),
    (
        labs("2024-05-14 09:00", "Ca 2.16, Alb 42, P 1.62, Crea 74, eGFR 118", "si"),
        labs("2025-11-04 09:00", "Ca 2.08, Alb 41, P 1.78, PTH 15.4, Mg 0.80", "si"),
        visit("2026-11-20 09:30", "Cramps in both legs at night"),
        finding("cramp", "Leg cramps", "2026-11-20 09:40", "2026-10-30", by="icd-10-cm"),
        labs(
            "2026-11-18 08:50",
            "Ca 1.98, Alb 41, P 1.9, PTH 22, Mg 0.82, VitD 70, Crea 76, eGFR 95, K 4.2, Na 140",
            "si",
        ),
        vitals("2026-11-20 09:35", "BP 122/74, HR 70, T 36.6, RR 14, SpO2 99"),
    ),
)

SALT_WASTING = Story(
    "low-potassium-without-a-diuretic",
    Person("yevgenia", "Yevgenia", "Okoro", "female", "1971-01-30"),
    (
        problem("migraine", "Migraine", "1999-08-08"),
        labs("2025-06-10 08:00", "K 3.6, Na 139, HCO3 26, Crea 62, Glu 5.0, TSH 2.0", "si"),
        labs("2026-03-10 08:00", "K 3.5, Na 139, HCO3 27, Crea 60, Mg 0.71", "si"),
        labs("2026-07-14 08:00", "K 3.2, Na 138, HCO3 31, Crea 61, Mg 0.66", "si"),
        labs("2026-09-22 08:00", "K 3.3, Na 138, HCO3 32, Crea 62", "si"),
        visit("2026-11-20 11:00", "Right upper arm twitching for two weeks"),
        twitching("Twitching of the right upper arm", "2026-11-20 11:10", "2026-11-05"),
        labs(
            "2026-11-18 08:05",
            "K 3.1, Na 138, HCO3 33, Mg 0.62, Ca 2.38, Alb 42, Crea 63, eGFR 96, Glu 5.1, TSH 1.8",
            "si",
        ),
        vitals("2026-11-20 11:05", "BP 112/70, HR 72, T 36.5, RR 14, SpO2 99"),
    ),
)

THYROID = Story(
    "too-much-thyroid-hormone",
    Person("annelise", "Annelise", "Fitzgibbon-Rao", "female", "1982-10-11"),
    (
        problem("", "Hypothyroidism after radioiodine", "2021-02-25"),
        drug("levothyroxine", "Levothyroxine 125 mcg tablet", "2023-01-10", until="2025-12-15"),
        drug("levothyroxine", "Levothyroxine 175 mcg tablet", "2025-12-15"),
        labs("2024-11-05 08:00", "TSH 2.1, FT4 1.3, Ca 9.6, Alb 4.3"),
        labs("2025-12-10 08:00", "TSH 4.6, FT4 1.0, Ca 9.7, Alb 4.2"),
        labs("2026-06-09 08:00", "TSH 0.3, FT4 1.7, Ca 10.1, Alb 4.2"),
        visit("2026-11-20 09:00", "Lip twitching since the middle of October, racing heart"),
        twitching("Twitching of the lower lip", "2026-11-20 09:10", "2026-10-15"),
        finding("palpitations", "Palpitations", "2026-11-20 09:10", "2026-10-20", by="icd-10-cm"),
        labs(
            "2026-11-18 08:00",
            "TSH 0.02, FT4 2.4, K 4.1, Na 140, Ca 10.9, Alb 4.2, Mg 1.9, Crea 0.7, eGFR 105, Glu 93",
        ),
        vitals("2026-11-20 09:05", "BP 136/70, HR 104, T 37.0, RR 16, SpO2 99, Wt 61.2"),
    ),
)

CELIAC = Story(
    "celiac-disease-little-vitamin-d",
    Person("siobhan", "Siobhan", "Petrakis", "female", "1990-09-27"),
    (
        problem("malabsorption@396331005", "Celiac disease", "2016-03-03"),
        labs("2024-10-15 09:00", "Ca 2.30, Alb 42, VitD 44, PTH 5.8, Crea 58", "si"),
        labs("2025-10-21 09:00", "Ca 2.24, Alb 41, VitD 31, PTH 7.9, Crea 60", "si"),
        labs("2026-05-12 09:00", "Ca 2.18, Alb 41, K 4.0, Na 139, TSH 2.6", "si"),
        visit("2026-11-20 10:30", "Twitching around the mouth for 9 days"),
        twitching("Twitching around the mouth", "2026-11-20 10:40", "2026-11-11"),
        labs("2026-11-18 09:00", "Ca 2.08, Alb 41, VitD 19, PTH 11.2, P 0.78, Mg 0.74", "si"),
        labs("2026-11-18 09:00", "K 4.0, Na 139, Crea 61, eGFR 104, Glu 4.9, TSH 2.5", "si"),
        vitals("2026-11-20 10:35", "BP 108/66, HR 70, T 36.4, RR 14, SpO2 99"),
    ),
)

ANTIDEPRESSANT_SODIUM = Story(
    "brief-face-and-arm-movements",
    Person("leopold", "Leopold", "Nakamura-Reyes", "male", "1961-04-02"),
    (
        problem("hypertension", "Hypertension", "2015-05-05"),
        drug("sertraline", "Sertraline 50 mg tablet", "2026-10-25", mg=50),
        drug("", "Amlodipine 5 mg tablet", "2015-05-05", mg=5),
        labs("2025-11-11 08:00", "Na 139, K 4.2, Crea 0.9, Glu 97, TSH 2.2"),
        labs("2026-06-02 08:00", "Na 138, K 4.1, Crea 0.9, Glu 101"),
        labs("2026-10-20 08:00", "Na 135, K 4.0, Crea 0.9, TSH 2.0"),
        labs("2026-11-10 08:00", "Na 131, K 4.0, Crea 0.8"),
        visit(
            "2026-11-20 09:00",
            "Twitching of the right side of the face and the right hand, seconds long, many times a day",
        ),
        twitching("Twitching of the right side of the face", "2026-11-20 09:10", "2026-11-06"),
        finding("faciobrachial-jerk", "Faciobrachial dystonic movements", "2026-11-20 09:10", "2026-11-06"),
        finding("cognitive-change", "Memory loss", "2026-11-20 09:10", "2026-10-10"),
        labs(
            "2026-11-19 08:00", "Na 127, K 4.1, Ca 9.3, Alb 4.2, Mg 2.0, Crea 0.8, eGFR 98, Glu 96, Osm 264"
        ),
        vitals("2026-11-20 09:05", "BP 138/82, HR 78, TF 98.2, RR 14, SpO2 98"),
    ),
)

HYPERGLYCEMIA = Story(
    "mouth-corner-keeps-twitching-glucose-28",
    Person("augustin", "Augustin", "Delacroix-Mbaye", "male", "1956-12-19"),
    (
        problem("diabetes", "Type 2 diabetes mellitus", "2017-02-08"),
        problem("stroke-or-tia@Z86.73", "Stroke in March 2026", "2026-03-15", by="icd-10-cm"),
        drug("metformin", "Metformin 1000 mg tablet", "2017-02-08", a_day=2, mg=1000),
        drug("aspirin", "Aspirin 81 mg tablet", "2026-03-18", mg=81),
        labs("2025-09-16 08:00", "Glu 8.9, HbA1c 7.6, Crea 88, K 4.3, TSH 1.6", "si"),
        labs("2026-03-16 06:00", "Glu 10.4, HbA1c 8.2, Crea 90, K 4.2", "si"),
        labs("2026-08-11 08:00", "Glu 15.2, HbA1c 9.8, Crea 92, K 4.4, Na 138, TSH 1.9", "si"),
        visit(
            "2026-11-20 10:20",
            "Left corner of the mouth twitches in bouts since Wednesday evening",
            kind="EMER",
        ),
        twitching("Twitching of the left corner of the mouth", "2026-11-20 10:30", "2026-11-18 18:00"),
        finding(
            "rhythmic-jerking",
            "Clonic movements of the left corner of the mouth",
            "2026-11-20 10:30",
            "2026-11-18 18:00",
        ),
        labs(
            "2026-11-20 10:40",
            "Glu 28, Na 136, K 4.6, Urea 12, Crea 118, eGFR 56, Ca 2.36, Alb 42, Mg 0.84",
            "si",
        ),
        vitals("2026-11-20 10:25", "BP 146/84, HR 88, T 36.7, RR 16, SpO2 97"),
    ),
)

STORIES = (
    UREMIA,
    DIALYSIS,
    ZOLEDRONATE,
    DRINKER,
    COPD,
    TRANSPLANT,
    REFEEDING,
    PSEUDO,
    SALT_WASTING,
    THYROID,
    CELIAC,
    ANTIDEPRESSANT_SODIUM,
    HYPERGLYCEMIA,
)
