"""What the image holds is enough: its binary runs where nothing else is.

Run as root in mount and network namespaces of its own:

    unshare --mount --net python enclosed.py LAID-OUT-IMAGE DYNAMIC-BINARY WORK-DIRECTORY

The root is read-only and holds the image, what engines put into every container (devices, the files of
hosts and of servers of names), and no more; the account has no name and no rights. The
settings are those of deploy/container/Containerfile and deploy/kubernetes/, and so are the probes, the
backup and the restoring: they are run as they stand there. Writes the page of metrics of the real
server to WORK-DIRECTORY/metrics.txt.
"""

import fcntl
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import yaml

BINARY = "/usr/local/bin/judgement-ledger"
ACCOUNT = 65532
# Names by which the server is found: in the file of hosts, and by a server of names.
BY_FILE, BY_SERVER = "file.ledger.example", "server.ledger.example"


def main():
    image, dynamic, work = (os.path.realpath(argument) for argument in sys.argv[1:4])
    shutil.rmtree(work, ignore_errors=True)
    loopback_up()
    answer_names()
    documents = manifests()
    settings = settings_of_image() | settings_of_pod(documents)
    files = certificate(f"{work}/files", documents)
    volumes = {name: volume(f"{work}/{name}") for name in ("data", "keys", "backup", "backup-keyring", "restored")}

    def place(name, *mounts):
        return enclose(f"{image}/root", f"{work}/{name}", mounts)

    server = place(
        "server", (volumes["data"], "/data", "rw"), (volumes["keys"], "/keys", "rw"),
        (f"{files}/tls", "/run/tls", "ro"), (f"{files}/issuers", "/run/issuers", "ro"))
    asks = {"JUDGEMENT_LEDGER_CA": "/run/tls/ca.crt"} | settings

    # What lets the probes in lets no caller in: a pod that has lost its certificate does not serve.
    without = {name: it for name, it in settings.items() if "_TLS_" not in name}
    expect(run(server, ["serve"], without), 2, "plain text")
    began = time.monotonic()
    serving = start(server, ["serve"], settings)
    say(f"serves {time.monotonic() - began:.1f} s after its start, as {settings['JUDGEMENT_LEDGER_LISTEN']}")

    expect(run(server, ["healthcheck"], asks), 0, "SERVING")
    for name, found in ((BY_FILE, 0), (BY_SERVER, 0), ("nobody.ledger.example", 1)):
        at = asks | {"JUDGEMENT_LEDGER_SERVER": f"https://{name}:50051"}
        expect(run(server, ["healthcheck"], at), found, "SERVING" if found == 0 else "error")
    say("found by the file of hosts, by a server of names, and not where there is no such name")

    expect(run(server, ["summary", "apa/2006"], asks), 1, "CREDENTIAL_MISSING")
    for name, path in probes_of_pod(documents).items():
        status, body = get(path)
        assert status == 200, f"{name}: {path} answered {status} {body}"
    _, page = get("/metrics")
    with open(f"{work}/metrics.txt", "w", encoding="utf-8") as file:
        file.write(page)
    say("answers every probe of the pod")

    backup = place(
        "backup-pod", (volumes["data"], "/data", "ro"), (volumes["backup"], "/backup", "rw"),
        (volumes["backup-keyring"], "/backup-keyring", "rw"))
    expect(run(backup, args_of(documents, "CronJob"), settings_of_image()), 0, "records")
    say("is backed up by the job, through a volume that is read-only to it")

    serving.send_signal(signal.SIGTERM)
    began = time.monotonic()
    code = serving.wait(timeout=grace_of_pod(documents))
    assert code == 0, f"ended with {code}"
    say(f"stopped in order after {time.monotonic() - began:.1f} s")

    restore = place(
        "restore-pod", (volumes["restored"], "/data", "rw"), (volumes["keys"], "/keys", "ro"),
        (volumes["backup"], "/backup", "ro"), (volumes["backup-keyring"], "/backup-keyring", "ro"))
    expect(run(restore, args_of(documents, "Job", "restore"), settings_of_image()), 0, "signer recover")
    restored = place(
        "restored-server", (volumes["restored"], "/data", "rw"), (volumes["keys"], "/keys", "rw"),
        (f"{files}/tls", "/run/tls", "ro"), (f"{files}/issuers", "/run/issuers", "ro"))
    zoned = settings | {"JUDGEMENT_LEDGER_TIME_ZONE": "Europe/London"}
    again = start(restored, ["serve"], zoned)
    expect(run(restored, ["healthcheck"], asks), 0, "SERVING")
    again.kill()
    again.wait()
    say("is restored by the job and served again, its days being those of another zone")

    recover = place("recover-pod", (volumes["restored"], "/data", "rw"), (volumes["keys"], "/keys", "rw"))
    expect(run(recover, args_of(documents, "Job", "recover"), settings_of_image()), 0, "it signs from the next start on")
    renewed = zoned | {"JUDGEMENT_LEDGER_SIGNER_DIR": "/keys/signer-recovered", "JUDGEMENT_LEDGER_MUST_EXIST": "true"}
    again = start(restored, ["serve"], renewed)
    writes = ["healthcheck", "--service", "judgement.ledger.v1.writes"]
    expect(run(restored, writes, asks), 0, "SERVING")
    again.kill()
    again.wait()
    say("is given another signer by the job, and takes commands under it")

    # What must be seen: a binary that needs a loader and libraries does not even begin.
    needy = place("needy", (os.path.dirname(dynamic), "/needy", "ro"))
    try:
        run(needy, ["--version"], {}, binary=f"/needy/{os.path.basename(dynamic)}")
    except FileNotFoundError:
        say("a binary that is not static is found out")
    else:
        sys.exit("a dynamic binary ran where nothing else is: this test sees nothing")


def say(what):
    print(f"enclosed: {what}")


# What stands in the files of deploy/.

def manifests():
    found = []
    for folder in ("deploy/kubernetes", "deploy/kubernetes/examples"):
        for name in sorted(os.listdir(folder)):
            if name.endswith(".yaml"):
                with open(f"{folder}/{name}", encoding="utf-8") as file:
                    found += yaml.safe_load_all(file)
    return found


def of_kind(documents, kind, name=""):
    return next(it for it in documents if it["kind"] == kind and name in it["metadata"]["name"])


def settings_of_image():
    with open("deploy/container/Containerfile", encoding="utf-8") as file:
        return dict(re.findall(r"(JUDGEMENT_LEDGER_\w+)=(\S+)", file.read().split("\nENV ")[1]))


def container(documents):
    return of_kind(documents, "StatefulSet")["spec"]["template"]["spec"]["containers"][0]


def settings_of_pod(documents):
    return {it["name"]: it["value"] for it in container(documents)["env"]}


def probes_of_pod(documents):
    return {name: it["httpGet"]["path"] for name, it in container(documents).items() if name.endswith("Probe")}


def grace_of_pod(documents):
    return of_kind(documents, "StatefulSet")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]


def args_of(documents, kind, name=""):
    spec = of_kind(documents, kind, name)["spec"]
    spec = spec["jobTemplate"]["spec"] if kind == "CronJob" else spec
    return spec["template"]["spec"]["containers"][0]["args"]


# The place that a container is.

def volume(path):
    os.makedirs(path)
    os.chown(path, ACCOUNT, ACCOUNT)
    return path


def enclose(image, at, mounts):
    """The image's root, read-only, with volumes and what engines put into every container."""
    shutil.copytree(image, at, copy_function=os.link)
    with open(f"{at}/etc/hosts", "w", encoding="utf-8") as file:
        file.write(f"127.0.0.1 localhost {BY_FILE}\n")
    with open(f"{at}/etc/resolv.conf", "w", encoding="utf-8") as file:
        file.write("nameserver 127.0.0.1\noptions timeout:1 attempts:2\n")
    devices = [f"/dev/{name}" for name in ("null", "random", "urandom")]
    os.makedirs(f"{at}/dev")
    for device in devices:
        with open(at + device, "w", encoding="utf-8"):
            pass
    for _, where, _ in mounts:
        os.makedirs(at + where)
    mount("--bind", at, at)
    mount("-o", "remount,bind,ro,nosuid,nodev", at)
    for device in devices:
        mount("--bind", device, at + device)
    for what, where, how in mounts:
        mount("--bind", what, at + where)
        mount("-o", f"remount,bind,{how},nosuid,nodev", at + where)
    return at


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)


def within(place):
    def enter():
        os.chroot(place)
        os.chdir("/")
        os.setgroups([])
        os.setgid(ACCOUNT)
        os.setuid(ACCOUNT)
    return enter


def run(place, arguments, settings, binary=BINARY):
    return subprocess.run(
        [binary, *arguments], env=settings, preexec_fn=within(place), timeout=60, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def expect(ended, code, words):
    assert ended.returncode == code and words in ended.stdout, f"{ended.args}: {ended.returncode}\n{ended.stdout}"


def start(place, arguments, settings):
    process = subprocess.Popen(
        [BINARY, *arguments], env=settings, preexec_fn=within(place), stderr=subprocess.PIPE, text=True)
    # One that does not serve in time is ended, and what it said is shown.
    late = threading.Timer(60, process.kill)
    late.start()
    said = []
    for line in process.stderr:
        said.append(line)
        if says_serving(line):
            late.cancel()
            # So that it never waits for somebody to read its log.
            threading.Thread(target=process.stderr.read, daemon=True).start()
            return process
    late.cancel()
    sys.exit(f"it did not start:\n{''.join(said)}")


def says_serving(line):
    """Whether a line of the log, of text or of JSON, says that calls are answered from now on."""
    if line.startswith("{"):
        return json.loads(line)["fields"]["message"] == "serving"
    return line.startswith("serving on ")


def get(path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:9464{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


# What it finds around it.

def certificate(folder, documents):
    """An authority, a certificate for the server's names, and the file of issuers of the example."""
    os.makedirs(f"{folder}/tls")
    os.makedirs(f"{folder}/issuers")
    with open(f"{folder}/issuers/issuers.json", "w", encoding="utf-8") as file:
        file.write(of_kind(documents, "ConfigMap", "issuers")["data"]["issuers.json"])

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, cwd=f"{folder}/tls", capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.crt", "-days", "2", "-subj", "/CN=authority")
    openssl("req", "-new", *key, "-keyout", "tls.key", "-out", "tls.csr", "-subj", "/CN=ledger")
    with open(f"{folder}/tls/names", "w", encoding="utf-8") as file:
        file.write(f"subjectAltName=DNS:localhost,DNS:{BY_FILE},DNS:{BY_SERVER}\n")
    openssl("x509", "-req", "-in", "tls.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-set_serial", "1",
            "-days", "2", "-extfile", "names", "-out", "tls.crt")
    os.chown(f"{folder}/tls/tls.key", 0, ACCOUNT)
    os.chmod(f"{folder}/tls/tls.key", 0o440)
    return folder


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        up_and_running = 0x41
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", up_and_running))


def answer_names():
    """A server of names that knows one: its address is this machine's."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listening.bind(("127.0.0.1", 53))
    wanted = b"".join(bytes([len(part)]) + part.encode() for part in BY_SERVER.split(".")) + b"\0"

    def answer():
        while True:
            asked, client = listening.recvfrom(512)
            end = asked.index(b"\0", 12) + 1
            name, question = asked[12:end], asked[12:end + 4]
            known, of_ipv4 = name == wanted, question[-4:-2] == b"\0\x01"
            answers = b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x7f\0\0\x01" if known and of_ipv4 else b""
            flags = b"\x81\x80" if known else b"\x81\x83"
            head = asked[:2] + flags + b"\0\x01" + (b"\0\x01" if answers else b"\0\0") + b"\0\0\0\0"
            listening.sendto(head + question + answers, client)

    threading.Thread(target=answer, daemon=True).start()


if __name__ == "__main__":
    main()
