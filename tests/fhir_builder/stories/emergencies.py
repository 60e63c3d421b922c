"""People who need somebody at once: poisoning, infection, pregnancy, a drug that does great harm."""

from tests.fhir_builder.rows import (
    drug,
    finding,
    labs,
    problem,
    procedure,
    seen,
    twitching,
    visit,
    vitals,
)
from tests.fhir_builder.story import Person, Story

NEUROLEPTIC = Story(
    "fever-and-rigid-on-haloperidol",
    Person("lorenzo", "Lorenzo", "Kipkemboi", "male", "1999-05-03"),
    (
        visit("2026-11-14 22:00", "First psychosis", kind="IMP"),
        drug("haloperidol", "Haloperidol 5 mg tablet", "2026-11-15", a_day=2, mg=5),
        labs(
            "2026-11-14 22:40", "CK 190, K 4.1, Na 140, Crea 0.9, Glu 104, Ca 9.4, Alb 4.3, Mg 2.0, TSH 1.4"
        ),
        vitals("2026-11-15 06:00", "BP 124/78, HR 78, T 36.8, RR 14, SpO2 99"),
        seen("oculogyric-crisis", "Oculogyric crisis", "2026-11-19 20:30"),
        vitals("2026-11-19 22:00", "BP 148/94, HR 118, T 38.4, RR 22, SpO2 96"),
        seen("rigidity", "Muscle rigidity", "2026-11-20 06:30"),
        finding("confusion@R41.0", "Confusion", "2026-11-20 06:30", "2026-11-20 02:00", by="icd-10-cm"),
        labs("2026-11-19 07:00", "CK 820, K 4.3, Na 141, Crea 1.0"),
        labs("2026-11-20 07:00", "CK 6000, K 4.9, Na 143, Crea 1.2, Ca 9.0, Alb 4.1, Mg 1.9, Glu 121"),
        vitals("2026-11-20 11:00", "BP 158/98, HR 128, T 39.1, RR 24, SpO2 95"),
    ),
)

PESTICIDE = Story(
    "field-worker-after-spraying",
    Person("nakoma", "Nakoma", "Villanueva", "male", "1974-10-22"),
    (
        labs(
            "2026-02-17 08:00", "K 4.2, Na 139, Ca 9.4, Alb 4.4, Mg 2.0, Crea 0.9, Glu 96, TSH 1.9, ChE 8400"
        ),
        visit(
            "2026-11-20 10:40",
            "Pesticide spilled over him at six o'clock; sweating, weak, muscles flicker",
            kind="EMER",
        ),
        procedure(
            "pesticide-exposure@T60.0X1A",
            "Organophosphate insecticide, spill on the skin",
            "2026-11-20 06:00",
            by="icd-10-cm",
        ),
        twitching("Fasciculation of arms and chest", "2026-11-20 10:50", "2026-11-20 08:30"),
        seen("miosis", "Pinpoint pupils", "2026-11-20 10:50"),
        seen("diaphoresis", "Profuse sweating", "2026-11-20 10:50"),
        seen("salivation", "Drooling saliva", "2026-11-20 10:50"),
        finding("weakness@26544005", "Muscle weakness", "2026-11-20 10:50", "2026-11-20 09:00"),
        labs("2026-11-20 10:55", "K 3.7, Na 138, Ca 9.2, Alb 4.3, Mg 1.9, Crea 1.0, Glu 162, ChE 900"),
        vitals("2026-11-20 10:45", "BP 108/64, HR 48, T 36.2, RR 28, SpO2 89"),
    ),
)

NITROUS = Story(
    "laughing-gas-and-numb-feet",
    Person("jules", "Jules", "Amankwah", "male", "2001-06-13"),
    (
        labs("2025-03-11 09:00", "B12 420, K 4.3, Crea 0.9"),
        visit("2026-11-20 09:00", "Tingling feet for six weeks, calves twitch for three"),
        finding("nitrous-oxide", "Recreational nitrous oxide, several times a week", "2026-11-20 09:10"),
        finding(
            "paresthesia@R20.2", "Tingling of both feet", "2026-11-20 09:10", "2026-10-08", by="icd-10-cm"
        ),
        twitching("Twitching of both calves", "2026-11-20 09:10", "2026-10-30"),
        labs(
            "2026-11-18 09:00",
            "B12 230, K 4.2, Na 140, Ca 9.6, Alb 4.6, Mg 2.1, Crea 0.9, eGFR 121, Glu 87",
        ),
        labs("2026-11-18 09:00", "Hcy 41, MMA 690, TSH 1.5"),
        vitals("2026-11-20 09:05", "BP 120/74, HR 72, TF 98.2, RR 14, SpO2 99"),
    ),
)

PREGNANT = Story(
    "face-twitches-late-in-pregnancy",
    Person("priyanka", "Priyanka", "Vandermeer", "female", "1997-07-15"),
    (
        problem("pregnancy@Z34.90", "Pregnancy, 34 weeks", "2026-05-06", by="icd-10-cm"),
        labs("2026-05-06 09:00", "K 4.1, Na 138, Crea 0.6, Glu 84, TSH 1.6"),
        vitals("2026-05-06 09:05", "BP 112/68, HR 76, Wt 64"),
        labs("2026-08-19 09:00", "K 4.0, Na 137, Crea 0.6, Glu 92"),
        vitals("2026-08-19 09:05", "BP 118/72, HR 80, Wt 70"),
        vitals("2026-10-28 09:05", "BP 134/84, HR 84, Wt 77"),
        visit("2026-11-20 11:10", "Severe headache, face twitching since eleven o'clock", kind="EMER"),
        finding("severe-headache", "Severe headache", "2026-11-20 11:15", "2026-11-20 06:00"),
        twitching("Twitching of the face", "2026-11-20 11:15", "2026-11-20 11:00"),
        labs("2026-11-20 11:25", "K 4.2, Na 137, Ca 8.9, Alb 3.5, Mg 1.8, Crea 0.8, Glu 96"),
        vitals("2026-11-20 11:12", "BP 164/112, HR 96, TF 98.6, RR 18, SpO2 97"),
    ),
)

TETANUS = Story(
    "jaw-locked-after-a-garden-wound",
    Person("barnaby", "Barnaby", "Itoua", "male", "1963-03-31"),
    (
        procedure("tetanus-risk-wound", "Puncture wound of the hand, soil in it", "2026-11-11 16:00"),
        labs("2026-04-21 08:00", "K 4.3, Na 140, Crea 0.9, Glu 98, TSH 2.0"),
        visit("2026-11-20 10:30", "Cannot open the mouth since this morning; face in spasm", kind="EMER"),
        finding("trismus", "Trismus", "2026-11-20 10:40", "2026-11-20 05:00"),
        twitching("Facial spasm", "2026-11-20 10:40", "2026-11-19", code=("snomed", "32402008")),
        finding("neck-stiffness", "Neck stiffness", "2026-11-20 10:40", "2026-11-20 05:00"),
        labs("2026-11-20 10:50", "K 4.2, Na 139, Ca 9.4, Alb 4.2, Mg 2.0, Crea 1.0, Glu 112, CK 320"),
        vitals("2026-11-20 10:35", "BP 148/88, HR 104, T 37.4, RR 20, SpO2 97"),
    ),
)

STORIES = (NEUROLEPTIC, PESTICIDE, NITROUS, PREGNANT, TETANUS)
