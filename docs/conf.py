"""Settings of the documentation site: ``python -m sphinx -W -b html docs docs/_build``.

Everything is made here: no page asks another computer for anything, while it is built or while it is read. What the
program knows of itself (commands, keys, columns, errors, public names) is written into ``docs/made`` by the modules
in ``docs/_ext`` before the build, and is never edited by hand.
"""

import sys
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "_ext"))

import enicfer  # noqa: E402

project = "enicfer"
author = "the authors of enicfer"
project_copyright = "2019-2026, the authors of enicfer"
version = release = enicfer.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "made_pages",
]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
root_doc = "index"
exclude_patterns = [
    "_build",
    "made/examples",
    "_static",
    "**/sg_execution_times.rst",
    "sg_execution_times.rst",
]
templates_path = ["_templates"]

# Text
myst_enable_extensions = ["attrs_block", "attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 4
default_role = "py:obj"
nitpicky = False
smartquotes = False
highlight_language = "none"

# API: numpydoc docstrings with the types in the signature
autosummary_generate = True
autosummary_imported_members = True
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 70
add_module_names = False
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
numpydoc_class_members_toctree = False

# Gallery: `examples` is copied to docs/made/examples, so that what the scripts write lies there.
sphinx_gallery_conf = {
    "examples_dirs": "made/examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"(?!)",  # `made_pages` fills it in: which scripts are run
    "ignore_pattern": r"__init__\.py",
    "within_subsection_order": "FileNameSortKey",
    "plot_gallery": True,
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 1,
    "reset_modules": ("made_pages.calm",),
    "reset_modules_order": "both",
    "remove_config_comments": True,
    "image_scrapers": ("matplotlib",),
    "capture_repr": (),
    "reference_url": {},
    "write_computation_times": False,
    "default_thumb_file": str(HERE / "_static" / "thumb.png"),
}
warnings.filterwarnings("ignore", category=DeprecationWarning)

# Pages
html_theme = "pydata_sphinx_theme"
html_title = "enicfer"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_baseurl = ""
html_last_updated_fmt = None
html_theme_options = {
    "logo": {"text": "enicfer"},
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "header_links_before_dropdown": 8,
    "show_toc_level": 2,
    "navigation_depth": 3,
    "show_prev_next": True,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_sidebars = {"index": [], "compare": []}
html_context = {"default_mode": "light"}
