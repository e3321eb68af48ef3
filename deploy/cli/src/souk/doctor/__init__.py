"""`souk doctor`: opens every book read-only, checks the invariants, names the offenders."""

from souk.doctor.examining import doctor, examine
from souk.doctor.report import Finding, Report

__all__ = ["Finding", "Report", "doctor", "examine"]
