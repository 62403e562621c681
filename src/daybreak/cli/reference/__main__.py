"""``python -m daybreak.cli.reference [FOLDER]`` writes the generated pages, into ``docs/reference`` by default."""

import sys
from pathlib import Path

from daybreak.cli.reference.pages import write

write(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/reference"))
