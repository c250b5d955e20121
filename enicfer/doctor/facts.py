"""Facts of an installation that a report of a fault needs, and none that name a person or a place.

No path, no user name, no name of the computer: what is listed here is meant to be pasted into a public issue.
"""

import os
import platform
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from typing import Literal

from enicfer import __version__

CODECS = {
    **{"h264": "H.264", "hevc": "H.265", "vp8": "VP8", "vp9": "VP9", "av1": "AV1", "mpeg4": "MPEG-4"},
    **{"mjpeg": "MJPEG", "prores": "ProRes", "dvvideo": "DV", "ffv1": "FFV1"},
}
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge", "firefox", "safari")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_EXTRA = re.compile(r"""extra\s*==\s*["']([\w-]+)["']""")
_NAME = re.compile(r"[\w.-]+")
_DEVELOPERS = {"dev", "fuzz", "test"}


def list_facts() -> dict[str, str]:
    """What there is, in the order in which it is printed: name and value.

    Returns
    -------
    dict
        Values are one line each; a fact that cannot be had says so instead of failing.
    """
    return {name: _told(find) for name, find in FACTS.items()}


def _told(find: Callable[[], str]) -> str:
    try:
        return find()
    except Exception as error:  # a broken package is what a report is about
        return f"cannot be said: {type(error).__name__}"


def _system() -> str:
    return f"{platform.system()} {platform.release()}, {platform.machine()}"


def _python() -> str:
    return f"{platform.python_implementation()} {platform.python_version()}"


def _processors() -> str:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    limits = [f"{name}={os.environ[name]}" for name in THREADS if name in os.environ]
    return ", ".join([f"{usable} of {os.cpu_count()} usable", *limits])


def _memory() -> str:
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return "not known"
    return f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.1f} GiB"


def _temporary() -> str:
    return f"{shutil.disk_usage(tempfile.gettempdir()).free / 2**30:.1f} GiB free in the temporary folder"


def list_packages() -> dict[str, str | None]:
    """Each package that is always needed, and its version; None where it is missing."""
    return {name: _version(name) for name, extra in _requirements() if extra is None}


def list_extras() -> dict[str, tuple[str, ...]]:
    """Each extra for users, and the packages of it that are missing."""
    found: dict[str, list[str]] = {}
    for name, extra in _requirements():
        if extra is not None and extra not in _DEVELOPERS:
            found.setdefault(extra, []).extend([name] if _version(name) is None else [])
    return {extra: tuple(missing) for extra, missing in sorted(found.items())}


def _requirements() -> Iterator[tuple[str, str | None]]:
    for line in requires("enicfer") or ():
        extra, name = _EXTRA.search(line), _NAME.match(line)
        if name is not None:
            yield name[0], extra[1] if extra else None


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _packages() -> str:
    return ", ".join(f"{name} {found or 'MISSING'}" for name, found in list_packages().items())


def _extras() -> str:
    return ", ".join(
        f"{extra} ({'there' if not missing else 'without ' + ', '.join(missing)})"
        for extra, missing in list_extras().items()
    )


def _codecs() -> str:
    import av

    def has(name: str, mode: Literal["r", "w"]) -> bool:
        try:
            av.codec.Codec(name, mode)
        except av.codec.codec.UnknownCodecError:
            return False
        return True

    from enicfer.io.video.writer import CODEC

    lacking = [shown for name, shown in CODECS.items() if not has(name, "r")]
    reads = "reads all usual ones" if not lacking else f"cannot read {', '.join(lacking)}"
    libraries = ".".join(str(part) for part in av.library_versions.get("libavcodec", ()))
    return f"{reads}; {'writes' if has(CODEC, 'w') else 'cannot write'} H.264; libavcodec {libraries}"


def _detectors() -> str:
    from enicfer.errors import ModelError
    from enicfer.faces.detectors import DETECTORS
    from enicfer.faces.detectors.files import find_files

    told = []
    for name in DETECTORS:
        try:
            find_files(name)
        except ModelError:
            told.append(f"{name} (weights missing: enicfer models list)")
        else:
            told.append(f"{name} (there)")
    return ", ".join(told)


def _device() -> str:
    from enicfer.models.device import choose_device

    if choose_device().type == "cpu":
        return "none that PyTorch sees; networks run on the processor"
    import torch

    return torch.cuda.get_device_name()


def _browser() -> str:
    found = [name for name in BROWSERS if shutil.which(name)]
    server = find_spec("starlette") is not None and find_spec("uvicorn") is not None
    return f"{', '.join(found) or 'none on the search path'}; the extra review is {'there' if server else 'missing'}"


FACTS: dict[str, Callable[[], str]] = {
    "enicfer": lambda: __version__,
    "Python": _python,
    "System": _system,
    "Processors": _processors,
    "Memory": _memory,
    "Disk": _temporary,
    "Packages": _packages,
    "Extras": _extras,
    "Video": _codecs,
    "Detectors": _detectors,
    "GPU": _device,
    "Browser": _browser,
}
