"""The local web application in which a person reviews processed sessions.

`server` answers requests, `guard` decides which; `study` finds the runs, `run_data` says what is known of one,
`pictures` and `proxy` show its video, `entries` keeps what a person says. Nothing leaves the machine.
"""

from enicfer.review.serve import open_review

__all__ = ["open_review"]
