"""Each drug set of the content specification (section 3.3) holds every drug named there, found by its name."""

from __future__ import annotations

import pytest

from cds_service.content import content_root
from cds_service.terminology import Terminology, load_terminology

TERMINOLOGY: Terminology = load_terminology(content_root())

# The specification's names, in its spelling; classes it gives as "as usual" by their most used members.
NAMED = {
    "corticosteroid-systemic": "prednisone, prednisolone, methylprednisolone, dexamethasone, hydrocortisone, "
    "betamethasone, triamcinolone, deflazacort",
    "loop-diuretic": "furosemide, bumetanide, torsemide, ethacrynic acid",
    "thiazide": "hydrochlorothiazide, chlorthalidone, indapamide, metolazone, bendroflumethiazide, chlorothiazide",
    "carbonic-anhydrase-inhibitor": "acetazolamide, methazolamide",
    "potassium-wasting-other": "amphotericin B, gentamicin, kanamycin, netilmicin, plazomicin, foscarnet, "
    "piperacillin, ticarcillin, flucloxacillin, cisplatin, ifosfamide, abiraterone, posaconazole, itraconazole, "
    "bisacodyl, senna, sodium polystyrene, patiromer, zirconium cyclosilicate, liquorice, glycyrrhizin, insulin",
    "potassium-raising": "lisinopril, cilazapril, zofenopril, imidapril, losartan, sacubitril, spironolactone, "
    "eplerenone, finerenone, amiloride, triamterene, potassium chloride, trimethoprim, heparin, ciclosporin, "
    "tacrolimus, ibuprofen, drospirenone, pentamidine, propranolol, pindolol, oxprenolol",
    "beta-agonist": "salbutamol, albuterol, levalbuterol, terbutaline, salmeterol, formoterol, vilanterol, "
    "indacaterol, olodaterol, ritodrine, fenoterol, bambuterol",
    "ppi": "omeprazole, esomeprazole, lansoprazole, dexlansoprazole, pantoprazole, rabeprazole, vonoprazan",
    "magnesium-wasting-other": "gentamicin, amphotericin B, cisplatin, carboplatin, cetuximab, panitumumab, "
    "necitumumab, tacrolimus, ciclosporin, pentamidine, foscarnet",
    "calcium-lowering": "denosumab, romosozumab, zoledronate, pamidronate, ibandronate, alendronate, risedronate, "
    "cinacalcet, etelcalcetide, evocalcet, calcitonin, foscarnet, phenytoin, phenobarbital, carbamazepine, "
    "primidone, rifampicin, sodium phosphate, citrated blood, edetate disodium, magnesium sulfate, cisplatin, "
    "furosemide, prednisone",
    "lithium": "lithium carbonate, lithium citrate, lithium orotate",
    "lithium-raising": "ibuprofen, celecoxib, lisinopril, losartan, sacubitril, hydrochlorothiazide, furosemide, "
    "spironolactone, amiloride, triamterene, eplerenone, metronidazole, doxycycline, tetracycline, minocycline",
    "nsaid": "ibuprofen, naproxen, diclofenac, aceclofenac, acemetacin, dexibuprofen, dexketoprofen, fenoprofen, "
    "lornoxicam, mefenamic acid, nimesulide, parecoxib, tenoxicam, tiaprofenic acid, tolmetin, sulindac",
    "nsaid-lithium": "aceclofenac, acemetacin, dexibuprofen, dexketoprofen, fenoprofen, lornoxicam, "
    "mefenamic acid, nimesulide, parecoxib, tenoxicam, tiaprofenic acid, tolmetin",
    "serotonergic-strong": "sertraline, dapoxetine, venlafaxine, clomipramine, imipramine, vilazodone, "
    "vortioxetine, tramadol, pethidine, meperidine, methadone, dextromethorphan, St John's wort, fenfluramine, MDMA",
    "serotonergic-weak": "amitriptyline, dosulepin, dothiepin, lofepramine, doxepin, trazodone, nefazodone, "
    "buspirone, mirtazapine, tapentadol, fentanyl, sumatriptan, lasmiditan, lithium, tryptophan, 5-HTP, "
    "amphetamine, cyclobenzaprine",
    "maoi-classical": "phenelzine, tranylcypromine, isocarboxazid, moclobemide, selegiline, linezolid, "
    "methylene blue",
    "maoi-b": "selegiline, rasagiline, safinamide, tedizolid",
    "tca": "nortriptyline, amitriptyline, imipramine, clomipramine, doxepin, desipramine, dosulepin, lofepramine",
    "antidepressant-other": "mirtazapine, trazodone, nefazodone, vilazodone, vortioxetine, phenelzine, "
    "tranylcypromine, isocarboxazid, moclobemide",
    "stimulant": "methylphenidate, dexmethylphenidate, amphetamine, lisdexamfetamine, atomoxetine, modafinil, "
    "phentermine, caffeine",
    "decongestant": "pseudoephedrine, phenylephrine, ephedrine",
    "methylxanthine": "theophylline, aminophylline, caffeine citrate",
    "theophylline-group": "theophylline, aminophylline",
    "theophylline-raising": "ciprofloxacin, enoxacin, fluvoxamine, erythromycin, clarithromycin, cimetidine, "
    "mexiletine",
    "antipsychotic": "haloperidol, prochlorperazine, promethazine, droperidol, amisulpride, levomepromazine, "
    "methotrimeprazine, pericyazine, chlorprothixene, pipamperone, melperone, benperidol, tiapride, sertindole, "
    "quetiapine, clozapine, pimavanserin",
    "antipsychotic-not-parkinson": "haloperidol, levomepromazine, periciazine, chlorprothixene, pipamperone, "
    "melperone, benperidol, tiapride, sertindole, risperidone",
    "antipsychotic-parkinson": "quetiapine, clozapine, pimavanserin",
    "dopamine-blocker-gi": "metoclopramide, domperidone, prochlorperazine, levosulpiride",
    "cinnarizine-flunarizine": "flunarizine, cinnarizine",
    "cholinesterase-inhibitor": "neostigmine, pyridostigmine, ambenonium, edrophonium, physostigmine, donepezil, "
    "rivastigmine, galantamine",
    "neostigmine-or-pyridostigmine": "neostigmine, pyridostigmine",
    "succinylcholine": "succinylcholine, suxamethonium",
    "estrogen": "estradiol, conjugated estrogens, ethinylestradiol, combined oral contraceptive, HRT, mestranol, "
    "estetrol, estriol",
    "thyroid-hormone": "levothyroxine, liothyronine, desiccated thyroid",
    "statin": "atorvastatin, simvastatin, rosuvastatin, pravastatin, lovastatin, fluvastatin, pitavastatin",
    "gabapentinoid": "gabapentin, pregabalin",
    "opioid-renal": "morphine, hydromorphone, pethidine, codeine, tramadol",
    "beta-lactam-neurotoxic": "cefepime, ceftazidime, penicillin G, imipenem",
    "acyclovir-systemic": "aciclovir, valaciclovir",
    "antiseizure": "phenytoin, carbamazepine, valproate, lamotrigine, topiramate, vigabatrin, levetiracetam",
    "enzyme-inducer": "phenytoin, phenobarbital, primidone, carbamazepine, rifampicin",
    "benzodiazepine-or-z": "alprazolam, diazepam, lorazepam, clonazepam, bromazepam, lormetazepam, flunitrazepam, "
    "prazepam, loprazolam, etizolam, tetrazepam, zolpidem, zopiclone",
    "barbiturate": "phenobarbital, primidone, butalbital, amobarbital",
    "opioid": "oxycodone, hydrocodone, dihydrocodeine, levorphanol, diamorphine, butorphanol, nalbuphine, "
    "pentazocine, tilidine",
    "local-anesthetic": "lidocaine, bupivacaine, levobupivacaine, ropivacaine, mepivacaine, prilocaine, "
    "chloroprocaine, articaine",
    "tb-treatment": "isoniazid, rifampicin, pyrazinamide, ethambutol",
    "dopamine-agonist": "pramipexole, ropinirole, rotigotine, bromocriptine, cabergoline, apomorphine, pergolide, "
    "piribedil",
    "twitch-labeled": "albuterol, theophylline, lithium, nortriptyline, sertraline, bupropion, mirtazapine, "
    "methylphenidate, pseudoephedrine, haloperidol, metoclopramide, flunarizine, donepezil, succinylcholine, "
    "isoniazid, gabapentin, morphine, cefepime, valaciclovir, phenytoin, levothyroxine, clozapine, amiodarone, "
    "ciclosporin, tacrolimus, levodopa, pramipexole, ciprofloxacin, interferon, vincristine, ketamine, propofol, "
    "etomidate, bismuth",
}
PAIRS = [(name, drug) for name, drugs in NAMED.items() for drug in drugs.split(", ")]


@pytest.mark.parametrize(("name", "drug"), PAIRS)
def test_a_named_drug_is_read_and_is_a_member(name: str, drug: str) -> None:
    found = {product.ingredient for product in TERMINOLOGY.ingredients_for_text(drug)}
    assert found & TERMINOLOGY.drug_set(name).members


@pytest.mark.parametrize(
    ("name", "drug"),
    [
        ("magnesium-wasting-other", "digoxin"),
        ("lithium-raising", "sertraline"),
        ("nsaid-lithium", "sulindac"),
        ("nsaid", "aspirin"),
        ("serotonergic", "ondansetron"),
        ("estrogen", "tamoxifen"),
        ("opioid-renal", "oxycodone"),
        ("theophylline-group", "caffeine"),
        ("twitch-labeled", "lisinopril"),
        ("twitch-labeled", "atorvastatin"),
        ("twitch-labeled", "estradiol"),
        ("antipsychotic-not-parkinson", "quetiapine"),
        ("lithium", "lithium succinate ointment"),
    ],
)
def test_a_drug_left_out_on_purpose_is_no_member(name: str, drug: str) -> None:
    found = {product.ingredient for product in TERMINOLOGY.ingredients_for_text(drug)}
    assert not found & TERMINOLOGY.drug_set(name).members


@pytest.mark.parametrize(
    ("brand", "found"),
    [
        ("Ritalin 10 mg", {"methylphenidate"}),
        ("Sudafed 12 hour", {"pseudoephedrine"}),
        ("Sudafed PE 10 mg", {"phenylephrine"}),
        ("Reglan 10 mg tablet", {"metoclopramide"}),
        ("Mestinon 60 mg", {"pyridostigmine"}),
        ("Rifater", {"isoniazid", "pyrazinamide", "rifampin"}),
        ("Symbicort", {"budesonide", "formoterol"}),
        ("Zocor 40 mg", {"simvastatin"}),
    ],
)
def test_brands_beside_those_of_the_reference(brand: str, found: set[str]) -> None:
    assert {product.ingredient for product in TERMINOLOGY.ingredients_for_text(brand)} == found


@pytest.mark.parametrize(
    ("name", "drug", "route", "answer"),
    [
        ("lithium-raising", "metronidazole", "topical", False),
        ("lithium-raising", "metronidazole", "vaginal", False),
        ("lithium-raising", "minocycline", "topical", False),
        ("lithium-raising", "tetracycline", "ophthalmic", False),
        ("lithium-raising", "metronidazole", "oral", True),
        ("lithium-raising", "metronidazole", None, True),
        ("beta-lactam-neurotoxic", "ceftazidime", "intravitreal", False),
        ("beta-lactam-neurotoxic", "ceftazidime", "nebulized", False),
        ("beta-lactam-neurotoxic", "ceftazidime", "intravenous", True),
        ("cyp2d6-inhibitor", "terbinafine", "topical", False),
        ("cyp2d6-inhibitor", "terbinafine", "oral", True),
        ("vitamin-d-supplement", "calcitriol", "topical", False),
        ("neostigmine-or-pyridostigmine", "neostigmine", "ophthalmic", False),
        ("neostigmine-or-pyridostigmine", "neostigmine", "intravenous", True),
    ],
)
def test_a_local_route_does_not_count(name: str, drug: str, route: str | None, answer: bool) -> None:
    assert TERMINOLOGY.drug_set(name).accepts(drug, route) is answer
