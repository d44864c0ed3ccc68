"""The fonts that documents are set in: packages of files, nothing of the machine, so that a document has the same bytes
everywhere.
"""

from functools import cache
from importlib.util import find_spec

# Inter, as on the pages; Noto Sans for the scripts that Inter lacks; Noto Sans CJK for Chinese, Japanese, Korean.
PACKAGES = ("fontpkg_inter", "manimgx_fonts", "noto_cjk_sans_otc")


@cache
def font_folders() -> list[str]:
    folders = []
    for name in PACKAGES:
        spec = find_spec(name)
        if spec is None or not spec.submodule_search_locations:
            raise RuntimeError(f"the package {name} with fonts is not installed")
        folders += list(spec.submodule_search_locations)
    return folders
