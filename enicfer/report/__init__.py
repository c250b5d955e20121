"""Figures and one self-contained page per session, for people; computes nothing that is not in the records."""

from enicfer.report.page import write_report

__all__ = ["write_report"]
