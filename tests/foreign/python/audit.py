"""Walks all tiles and records of a folder with aics-tlog, each up to the root that was signed. (Its
command line reads only those that a question needs.)

    audit.py KEY FOLDER
"""

import pathlib
import sys

from aics_tlog import (
    FileSystemTileReader,
    audit_tiles,
    parse_checkpoint,
    parse_note,
    parse_vkey,
    verify_checkpoint,
)

key, folder = map(pathlib.Path, sys.argv[1:])
try:
    note = parse_note((folder / "checkpoint").read_bytes())
    verified = verify_checkpoint(note, parse_vkey(key.read_text().strip()))
    if not verified.ok:
        raise ValueError("the log's key did not sign the checkpoint")
    checkpoint = parse_checkpoint(note.text)
    print(audit_tiles(FileSystemTileReader(folder), checkpoint.size, checkpoint.root))
except (OSError, ValueError) as error:
    sys.exit(f"refused: {error}")
