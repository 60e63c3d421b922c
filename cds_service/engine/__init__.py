"""Judge rules against one patient's facts: pure, three-valued, no clock, no I/O, no FHIR."""

from __future__ import annotations

from cds_service.engine.build import compile_program
from cds_service.engine.context import Context
from cds_service.engine.logic import as_verdict
from cds_service.engine.nodes import Trace
from cds_service.engine.program import BranchTrace, Program, RuleTrace

__all__ = ["BranchTrace", "Context", "Program", "RuleTrace", "Trace", "as_verdict", "compile_program"]
