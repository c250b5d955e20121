"""Pages of the public names of each subpackage: one for each function and class, by autosummary."""

import inspect
import re
from importlib import import_module
from typing import Any

PACKAGES = {  # in the order of the work; the titles say what each is for
    "enicfer": "what most users need",
    "enicfer.records": "what comes out: runs, traces, alignments, quality",
    "enicfer.export": "files and objects of other programs",
    "enicfer.sync": "pulses on both clocks",
    "enicfer.batch": "many sessions",
    "enicfer.review": "the review in the browser",
    "enicfer.coding": "what people see in faces",
    "enicfer.models": "classifiers and their files",
    "enicfer.training": "training and evaluation",
    "enicfer.saliency": "which part of the face decided",
    "enicfer.synthetic": "example sessions",
    "enicfer.errors": "what can go wrong",
}


def public_names(package: str) -> list[str]:
    """The public names of a package: its ``__all__``, or the classes of a module without one."""
    module = import_module(package)
    names = getattr(module, "__all__", None)
    if names is None:
        own = (one for one in vars(module).values() if inspect.isclass(one) and one.__module__ == package)
        names = [one.__name__ for one in own]
    return [name for name in names if not name.startswith("_")]


def paragraphs(text: str) -> str:
    """A module's docstring without its headings, which would be sections of the page."""
    return re.sub(r"^(\w[\w ]*)\n-{3,}\n", r"**\1.** ", inspect.cleandoc(text), flags=re.M)


def is_data(one: Any) -> bool:
    """Whether a public name is neither a function nor a class, but a table or a type."""
    return not (inspect.isfunction(one) or inspect.isclass(one))


def data_words(package: str, name: str, one: Any) -> str:
    """A table or a type: its names, without what it is made of."""
    if isinstance(one, dict):
        said = "Names: " + ", ".join(f"``{key}``" for key in one) + "."
    elif isinstance(one, str | int | float):
        said = f"``{one!r}``"
    elif isinstance(one, tuple | list | frozenset | set):
        said = "Values: " + ", ".join(f"``{value}``" for value in one) + "."
    else:
        text = re.sub(r"\b[a-z_]+(?:\.[a-z_]+)*\.(?=[A-Z]\w)", "", str(one))
        said = f"The type ``{text}``."
    return f".. py:data:: {name}\n   :module: {package}\n\n   {said}\n"


def api_pages() -> dict[str, str]:
    """Name -> page in reStructuredText: one for each package, and ``index``."""
    shown: dict[int, str] = {}
    pages = {}
    for package, about in PACKAGES.items():
        module = import_module(package)
        listed, again, data = [], [], []
        for name in public_names(package):
            one = getattr(module, name)
            if inspect.ismodule(one):
                continue
            if not is_data(one) and id(one) in shown:
                again.append(shown[id(one)])
            elif is_data(one):
                data.append(data_words(package, name, one))
            else:
                shown[id(one)] = f"{package}.{name}"
                listed.append(name)
        lines = [package, "=" * len(package), "", f"*{about[0].upper()}{about[1:]}.*", ""]
        lines += [
            f".. py:module:: {package}",
            "",
            f".. currentmodule:: {package}",
            "",
            paragraphs(module.__doc__ or ""),
            "",
        ]
        lines += [".. autosummary::", "   :toctree: names", "   :nosignatures:", ""]
        lines += [f"   {name}" for name in listed]
        if again:
            links = ", ".join(f":py:obj:`{name}`" for name in again)
            lines += ["", f"Also here: {links}."]
        pages[package] = "\n".join([*lines, "", *data])
    title = "Python"
    lines = [title, "=" * len(title), ""]
    lines += [
        "What a newcomer needs is in ``enicfer`` itself; each subpackage is one step of the work. Every name here is "
        "public:",
        "it keeps its meaning from version to version. All times are seconds on one of :doc:`two clocks "
        "</concepts/clocks>`.",
        "",
    ]
    lines += [f"- :doc:`{package}`: {about}" for package, about in PACKAGES.items()]
    lines += ["", ".. toctree::", "   :hidden:", "", *(f"   {package}" for package in PACKAGES), ""]
    pages["index"] = "\n".join(lines)
    return pages
