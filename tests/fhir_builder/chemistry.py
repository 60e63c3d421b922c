"""The tests of an invented laboratory: short name, analyte, and unit with reference range in each country.

Every test has a LOINC code: a server that is asked by code finds no other.
"""

from dataclasses import dataclass

UNITED_STATES, INTERNATIONAL = "us", "si"


@dataclass(frozen=True)
class Scale:
    """Unit of a printed result, and the reference range printed beside it; a side that is None is not printed."""

    unit: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Test:
    """A test: name in the terminology, name on the report, and its scale in each country."""

    analyte: str
    title: str
    us: Scale
    si: Scale

    def scale(self, country: str) -> Scale:
        return self.us if country == UNITED_STATES else self.si


def _same(analyte: str, title: str, unit: str, low: float | None = None, high: float | None = None) -> Test:
    return Test(analyte, title, Scale(unit, low, high), Scale(unit, low, high))


def _both(analyte: str, title: str, us: Scale, si: Scale) -> Test:
    return Test(analyte, title, us, si)


TESTS = {
    "K": _both("potassium", "Potassium", Scale("meq/L", 3.5, 5.1), Scale("mmol/L", 3.5, 5.0)),
    "Na": _both("sodium", "Sodium", Scale("meq/L", 136, 145), Scale("mmol/L", 135, 145)),
    "HCO3": _both("bicarbonate", "Bicarbonate", Scale("meq/L", 22, 29), Scale("mmol/L", 22, 29)),
    "Ca": _both("calcium-total", "Calcium", Scale("mg/dL", 8.8, 10.4), Scale("mmol/L", 2.2, 2.6)),
    "iCa": _same("calcium-ionized", "Calcium, ionized", "mmol/L", 1.12, 1.32),
    "Alb": _both("albumin", "Albumin", Scale("g/dL", 3.5, 5.0), Scale("g/L", 35, 50)),
    "Mg": _both("magnesium", "Magnesium", Scale("mg/dL", 1.7, 2.6), Scale("mmol/L", 0.7, 1.05)),
    "P": _both("phosphate", "Phosphate", Scale("mg/dL", 2.5, 4.5), Scale("mmol/L", 0.8, 1.45)),
    "Crea": _both("creatinine", "Creatinine", Scale("mg/dL", 0.6, 1.2), Scale("µmol/L", 50, 105)),
    "eGFR": _same("egfr", "eGFR (CKD-EPI 2021)", "mL/min/1.73 m²", 60),
    "Urea": _both("urea", "Urea nitrogen", Scale("mg/dL", 7, 22), Scale("mmol/L", 2.5, 7.8)),
    "Glu": _both("glucose", "Glucose", Scale("mg/dL", 70, 140), Scale("mmol/L", 3.9, 7.8)),
    "HbA1c": _same("hba1c", "Hemoglobin A1c", "%", 4.0, 5.6),
    "TSH": _same("tsh", "Thyrotropin (TSH)", "mIU/L", 0.4, 4.0),
    "FT4": _both("free-t4", "Thyroxine, free", Scale("ng/dL", 0.8, 1.8), Scale("pmol/L", 10, 23)),
    "FT3": _both("free-t3", "Triiodothyronine, free", Scale("pg/mL", 2.0, 4.4), Scale("pmol/L", 3.1, 6.8)),
    "PTH": _both("pth", "Parathyroid hormone, intact", Scale("pg/mL", 15, 65), Scale("pmol/L", 1.6, 6.9)),
    "VitD": _both("vitamin-d", "25-OH-vitamin D", Scale("ng/mL", 20, 60), Scale("nmol/L", 50, 150)),
    "B12": _both("vitamin-b12", "Vitamin B12", Scale("pg/mL", 200, 900), Scale("pmol/L", 140, 650)),
    "B1": _same("vitamin-b1", "Thiamine, whole blood", "nmol/L", 70, 180),
    "Cu": _both("copper", "Copper", Scale("µg/dL", 70, 140), Scale("µmol/L", 11, 22)),
    "Cp": _both("ceruloplasmin", "Ceruloplasmin", Scale("mg/dL", 20, 50), Scale("g/L", 0.2, 0.5)),
    "CK": _same("ck", "Creatine kinase", "U/L", 30, 200),
    "Li": _same("lithium-level", "Lithium", "mmol/L", 0.6, 1.0),
    "Theo": _same("theophylline-level", "Theophylline", "mg/L", 10, 20),
    "pH": _same("ph", "Arterial pH", "pH", 7.35, 7.45),
    "pCO2": _both("pco2", "Arterial pCO2", Scale("mmHg", 35, 45), Scale("kPa", 4.7, 6.0)),
    "Osm": _both("osmolality", "Osmolality", Scale("mosm/kg", 275, 295), Scale("mmol/kg", 275, 295)),
    "Pb": _both("lead", "Lead", Scale("µg/dL", None, 5), Scale("µmol/L", None, 0.24)),
    "Hcy": _same("homocysteine", "Homocysteine", "µmol/L", 5, 15),
    "MMA": _same("mma", "Methylmalonic acid", "nmol/L", 70, 270),
    "ChE": _same("cholinesterase", "Cholinesterase", "U/L", 5300, 12900),
}

#: How a unit is printed, where that is not its name in the terminology.
PRINTED = {"meq/L": "mEq/L", "mL/min/1.73 m²": "mL/min/1.73m2", "pH": "[pH]", "score": "points"}
