"""The unit lets the server do what it needs: every call of the kernel that it makes passes the filter.

Run as root in mount and network namespaces of its own:

    unshare --mount --net python calls.py UNIT STATIC-BINARY WORK-DIRECTORY

The server is started with the unit's own settings and traced, while it is asked, backed up, told to read
its certificates again and stopped.
"""

import os
import re
import signal
import subprocess
import sys

from enclosed import certificate, loopback_up, manifests, says_serving

# Asked for by the C library before it looks up a name. Where it may not, it takes it that the machine has
# addresses of every kind.
MAY_BE_REFUSED = {"AF_NETLINK"}


def main():
    unit, binary, work = (os.path.realpath(argument) for argument in sys.argv[1:4])
    with open(unit, encoding="utf-8") as file:
        lines = [line.strip().partition("=")[::2] for line in file if "=" in line and not line.startswith("#")]
    stated = {}
    for name, value in lines:
        stated.setdefault(name, []).append(value)

    loopback_up()
    files = certificate(f"{work}/files", manifests())
    settings = settings_of(stated, work, files)
    trace = f"{work}/trace"
    traced_calls(binary, settings, f"{files}/tls/ca.crt", work, trace)

    with open(trace, encoding="utf-8", errors="replace") as file:
        told = re.sub(r"(?m)^\d+ +(?:<\.\.\. (\w+) resumed.*)?", r"\1(", file.read())
    used = set(re.findall(r"(?m)^\(?([a-z]\w*)\(", told))
    assert {"fdatasync", "accept4", "execve"} <= used, f"the trace tells nothing: {sorted(used)}"
    refused = used - passed(stated["SystemCallFilter"])
    assert not refused, f"the filter refuses {sorted(refused)}"
    families = set(re.findall(r"socket\((AF_\w+)", told))
    refused = families - set(stated["RestrictAddressFamilies"][0].split()) - MAY_BE_REFUSED
    assert not refused, f"the unit refuses {sorted(refused)}"
    assert not re.search(r"PROT_WRITE\|PROT_EXEC", told), "memory that is written and run is refused"
    # What must be seen: a filter without flushes.
    assert "fdatasync" in used - passed([*stated["SystemCallFilter"], "~@sync"])
    print(f"calls: all {len(used)} that the server makes pass the filter; one without flushes is found out")


def settings_of(stated, work, files):
    """The unit's variables, its directories being here."""
    places = {"%S": f"{work}/state", "%t": f"{work}/runtime", "%d": f"{work}/credentials"}
    for folder in stated["StateDirectory"][0].split():
        os.makedirs(f"{work}/state/{folder}")
    os.makedirs(f"{work}/runtime/{stated['RuntimeDirectory'][0]}")
    os.makedirs(f"{work}/credentials")
    at_hand = {"master.key": f"{'5a' * 32}\n"}
    with open(f"{files}/issuers/issuers.json", encoding="utf-8") as file:
        at_hand["issuers.json"] = file.read()
    for credential in stated["LoadCredential"]:
        name = credential.split(":")[0]
        with open(f"{work}/credentials/{name}", "w", encoding="utf-8") as file:
            file.write(at_hand[name])
        os.chmod(f"{work}/credentials/{name}", 0o400)
    os.chmod(f"{work}/credentials", 0o500)
    settings = dict(setting.split("=", 1) for setting in stated["Environment"])
    for name, value in settings.items():
        for place, path in places.items():
            value = value.replace(place, path)
        settings[name] = value.replace("/etc/judgement-ledger/tls", f"{files}/tls")
    return settings


def traced_calls(binary, settings, authority, work, trace):
    log = open(f"{work}/log", "w+", encoding="utf-8")
    read, write = os.pipe()
    tracer = subprocess.Popen(
        ["strace", "-f", "-qq", "-o", trace, binary, "serve"], env=settings | {"PATH": os.environ["PATH"]},
        stderr=write, start_new_session=True)
    os.close(write)
    with os.fdopen(read, encoding="utf-8") as said:
        for line in said:
            log.write(line)
            if says_serving(line):
                break
        else:
            log.seek(0)
            sys.exit(f"it did not start:\n{log.read()}")
        with open(f"/proc/{tracer.pid}/task/{tracer.pid}/children", encoding="utf-8") as children:
            server = int(children.read())
        own = {"JUDGEMENT_LEDGER_SERVER": "https://localhost:50051", "JUDGEMENT_LEDGER_CA": authority}
        subprocess.run([binary, "healthcheck"], env=own, check=True, stdout=log)
        socket = settings["JUDGEMENT_LEDGER_ADMIN_SOCKET"]
        subprocess.run([binary, "backup", "--admin-socket", socket, "--to", f"{work}/backup"], check=True, stdout=log)
        os.kill(server, signal.SIGHUP)
        subprocess.run([binary, "healthcheck"], env=own, check=True, stdout=log)
        os.kill(server, signal.SIGTERM)
        log.write(said.read())
    code = tracer.wait(timeout=60)
    assert code == 0, f"ended with {code}"


def passed(filters):
    """The calls that filters of a unit let through; each adds, or with ~ takes away."""
    calls = members("@default")
    for line in filters:
        for name in line.lstrip("~").split():
            calls = calls - members(name) if line.startswith("~") else calls | members(name)
    return calls


def members(name):
    if not name.startswith("@"):
        return {name}
    shown = subprocess.run(
        ["systemd-analyze", "--no-pager", "syscall-filter", name], capture_output=True, text=True, check=True)
    found = set()
    for line in map(str.strip, shown.stdout.splitlines()[1:]):
        if line and not line.startswith("#"):
            found |= members(line)
    return found


if __name__ == "__main__":
    main()
