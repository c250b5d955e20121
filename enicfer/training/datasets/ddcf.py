"""DDCF, the Dartmouth Database of Children's Faces (Dalrymple et al. 2013, doi:10.1371/journal.pone.0079131).

Conventions: the two archives unpack to ``40Females`` and ``40Males``; in them are one folder per
expression (Afraid, Angry, Content, Disgusted, Happy, Neutral, Sad, Surprised) and, in those, one
per child: ``40Females/Happy/CHILD/F12_VIEW.jpg``.  A picture's name is a letter, the child's
number, an underscore and more.

No file of the set could be had.  Two public programs that read it agree on the folders; neither
reads Content, and only one looks at a picture's name, up to the underscore.  So all five views
under both lights are read, profiles too, and the sex is the folder's, not the letter's.  What has
"edited" in its path below the expression's folder is taken for a copy of another picture and left
out, as in the other program.  Ages are in no name.
"""

from __future__ import annotations

import re
from pathlib import Path

from enicfer.errors import InputError
from enicfer.training.datasets.files import Entry, Options, list_images, load_entries, match_name
from enicfer.training.datasets.images import FaceImages

DDCF = re.compile(
    r".*/(40)?(?P<sex>female|male)s/(?P<word>[^/]+)/(.*edited.*|[^/]+/[a-z](?P<number>\d+)_[^/]*)",
    re.IGNORECASE,
)


def read_ddcf(path: Path, options: Options) -> FaceImages:
    """Read the Dartmouth Database of Children's Faces.

    Parameters
    ----------
    path
        Folder that holds `40Females` and `40Males`, or one of the two.
    options

    Returns
    -------
    FaceImages
        `subject` is F or M and the number: girls and boys may be counted apart.
    """
    entries = []
    for file in list_images(path):
        name = file.absolute().as_posix()
        match = match_name(DDCF, name, file, "40Females/Happy/CHILD/F12_VIEW.jpg")
        if match["number"] is None:
            continue
        sex = match["sex"].lower()
        subject = f"{sex[0].upper()}{int(match['number'])}"
        entries.append(Entry(file, match["word"], subject, sex, "ddcf"))
    if not entries:
        raise InputError(
            f"{path} holds only edited copies of DDCF pictures", place=path, remedy="the originals are needed"
        )
    return load_entries(entries, options)
