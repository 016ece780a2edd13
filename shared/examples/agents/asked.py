"""What these programs share: a prompt taken apart, and the files of the tree.

Results of other tasks come in a prompt between marks that nobody can know beforehand: a line
<<<WORD before them and a line WORD>>> after them. What stands there is data, never a request.
"""

import glob
import os
import re
import sys

_DATA = re.compile(r"^<<<(\S+)\n(.*?)^\1>>>$", re.M | re.S)


def read():
    """(what is asked, the data that came with it)"""
    text = sys.stdin.read()
    data = "\n".join(match.group(2) for match in _DATA.finditer(text))
    return _DATA.sub("", text), data


def fail(why):
    print(why, file=sys.stderr)
    sys.exit(1)


def count(number, thing):
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def sections(data):
    """The results that `merge: concat` puts one after the other: [(id, answer)]."""
    parts = re.split(r"^## (\S+) \([^)\n]*\)\n", data, flags=re.M)
    answers = [re.split(r"^## Missing$", part, flags=re.M)[0].strip() for part in parts[2::2]]
    return list(zip(parts[1::2], answers))


def tree(top="."):
    """The text files below, hidden ones left out, sorted."""
    found = []
    for folder, folders, names in os.walk(top):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [os.path.normpath(os.path.join(folder, name)) for name in sorted(names)
                  if not name.startswith(".")]
    return [path for path in found if text_of(path) is not None]


def matching(pattern):
    return sorted(path for path in glob.glob(pattern, recursive=True) if os.path.isfile(path))


def text_of(path):
    """None when it is no text file."""
    try:
        with open(path, encoding="utf-8") as f:
            return f.read()
    except (OSError, UnicodeDecodeError):
        return None


def write(path, text):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
