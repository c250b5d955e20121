"""The HTML templates of this package, filled in with everything escaped."""

from collections.abc import Callable, Mapping
from typing import Any


def fill_template(
    name: str, values: Mapping[str, Any], filters: Mapping[str, Callable[..., str]] | None = None
) -> str:
    """The page of template ``name`` as text; a value that is missing in ``values`` is an error of the program."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("enicfer", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(filters or {})
    return environment.get_template(name).render(values)
