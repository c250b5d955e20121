"""`make_slurm_script`: a job array for centres that forbid schedulers of one's own.

Each task of the array runs ``enicfer process-sessions`` on its share of the folders, into the same outputs; the
locks of the sessions and of the group tables make that safe. A task that is repeated does only what is missing.
"""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from enicfer.errors import InputError

_SCRIPT = """\
#!/bin/bash
#SBATCH --job-name=enicfer
#SBATCH --array=0-{last}
#SBATCH --cpus-per-task={cores}
#SBATCH --mem={memory}
#SBATCH --time={time}
#SBATCH --output=enicfer-%A_%a.out
# When all tasks have ended, run this file with bash: it gives the group tables every failure, and does nothing else
# again.
set -u
sessions=(
{sessions}
)
if [ -n "${{SLURM_ARRAY_TASK_ID:-}}" ]; then
  sessions=("${{sessions[@]:SLURM_ARRAY_TASK_ID * {share}:{share}}}")
fi
enicfer process-sessions "${{sessions[@]}}" --output {output} --n-jobs 1{options}
"""

_WITH_FILES = ("--protocol", "--model", "--detector-weights")


def make_slurm_script(
    folders: Sequence[Path],
    output: Path,
    options: Sequence[str] = (),
    *,
    tasks: int = 100,
    cores: int = 2,
    memory: str = "4G",
    time: str = "08:00:00",
) -> str:
    """The text of a job array.

    Parameters
    ----------
    folders
        Session folders.
    output
        Root of the outputs.
    options
        Further options of ``enicfer process-sessions``; files in them are made absolute.
    tasks
        Largest number of tasks.
    cores, memory, time
        What each task asks for.

    Raises
    ------
    InputError
        If there is no session.
    """
    if not folders:
        raise InputError("There is no session folder to make tasks of", remedy="name some")
    share = -(-len(folders) // tasks)
    places = [shlex.quote(os.path.abspath(folder)) for folder in folders]  # noqa: PTH100, links are kept
    target = shlex.quote(os.path.abspath(output))  # noqa: PTH100
    further = "".join(f" {shlex.quote(option)}" for option in _make_absolute(options))
    return _SCRIPT.format(
        last=-(-len(folders) // share) - 1,
        cores=cores,
        memory=memory,
        time=time,
        sessions="\n".join(f"  {place}" for place in places),
        share=share,
        output=target,
        options=further,
    )


def _make_absolute(options: Sequence[str]) -> list[str]:
    """The same options for another working folder, as ``--option FILE`` or ``--option=FILE``."""
    made = []
    for before, word in zip(["", *options], options, strict=False):
        option, equals, value = word.rpartition("=")
        name = option if equals else before
        if name in _WITH_FILES and Path(value).is_file():
            word = f"{option}{equals}{os.path.abspath(value)}"  # noqa: PTH100, links are kept
        made.append(word)
    return made
