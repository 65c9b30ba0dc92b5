"""The bill of materials names what is linked: every crate with its version and its digest.

    python bill.py SBOM Cargo.lock LINKED

LINKED is what `cargo tree` says, `name vVERSION` a line. The digests are those of the lock file.
"""

import json
import sys
import tomllib


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        bill = json.load(file)
    with open(sys.argv[2], "rb") as file:
        locked = {(it["name"], it["version"]): it.get("checksum") for it in tomllib.load(file)["package"]}
    with open(sys.argv[3], encoding="utf-8") as file:
        linked = {(name, version.removeprefix("v")) for name, version, *_ in map(str.split, file)}

    stated = {(it["name"], it["version"]): it for it in [*bill["components"], bill["metadata"]["component"]]}
    wrong = []
    for crate in sorted(linked):
        name, version = crate
        if crate not in stated:
            wrong.append(f"{name} {version} is linked and not named")
            continue
        digests = [it["content"] for it in stated[crate].get("hashes", [])]
        if locked[crate] is not None and digests != [locked[crate]]:
            wrong.append(f"{name} {version}: {digests} is not the digest of the lock file")
        if not stated[crate].get("licenses"):
            wrong.append(f"{name} {version} has no licence")
    assert len(linked) > 100, f"only {len(linked)} crates are linked?"
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"bill of materials: {len(linked)} crates are linked and named, of {len(stated)}")


main()
