// Verifies a record's proof in the browser: by the bytes on the page, and nothing that the server says about them.
// RFC 6962 (hashes), RFC 9162 §2.1.3.2 (the proof), c2sp.org/tlog-checkpoint and signed-note (the signature).
"use strict";

const proof = document.getElementById("proof");
const verdict = document.getElementById("verdict");

const bytes = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
const base64 = (array) => btoa(String.fromCharCode(...array));
const joined = (...parts) => Uint8Array.from(parts.flatMap((part) => [...part]));
const sha256 = async (...parts) => new Uint8Array(await crypto.subtle.digest("SHA-256", joined(...parts)));
const same = (one, other) => base64(one) === base64(other);

// The root that a leaf and its proof lead to.
async function folded(leaf, index, size, hashes) {
  let [fn, sn, root] = [index, size - 1n, leaf];
  for (const hash of hashes) {
    if (sn === 0n) throw new Error("the proof is too long");
    if (fn & 1n || fn === sn) {
      root = await sha256([1], hash, root);
      while (!(fn & 1n) && fn !== 0n) [fn, sn] = [fn >> 1n, sn >> 1n];
    } else {
      root = await sha256([1], root, hash);
    }
    [fn, sn] = [fn >> 1n, sn >> 1n];
  }
  if (sn !== 0n) throw new Error("the proof is too short");
  return root;
}

// What the checkpoint states, and its signatures.
function opened(note) {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(note);
  const end = text.indexOf("\n\n");
  if (end < 0) throw new Error("the checkpoint is no signed note");
  const body = text.slice(0, end + 1);
  const [origin, size, root] = body.split("\n");
  const signatures = text.slice(end + 2).split("\n").filter(Boolean).map((line) => {
    const [, name, signature] = line.match(/^— (\S+) (\S+)$/) ?? [];
    return { name, signature: bytes(signature ?? "") };
  });
  return { body: new TextEncoder().encode(body), origin, size: BigInt(size), root: bytes(root), signatures };
}

// Whether this key signed it. A key is NAME+ID+BASE64 of an algorithm byte (1: Ed25519) and the public key.
async function signed(checkpoint, vkey) {
  const [, name, id, encoded] = vkey.trim().match(/^(.+)\+([0-9a-f]{8})\+(.+)$/) ?? [];
  if (!name) throw new Error("that is no key: it is written NAME+ID+BASE64");
  const key = bytes(encoded);
  if (key[0] !== 1) throw new Error("the key is not one of Ed25519");
  const hex = (array) => [...array].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const expected = hex((await sha256(new TextEncoder().encode(`${name}\n`), key)).slice(0, 4));
  if (expected !== id) throw new Error("the key's id is not that of its bytes");
  const found = checkpoint.signatures.find((it) => it.name === name && hex(it.signature.slice(0, 4)) === id);
  if (!found) throw new Error("the checkpoint has no signature of this key");
  const algorithm = { name: "Ed25519" };
  const imported = await crypto.subtle.importKey("raw", key.slice(1), algorithm, false, ["verify"]);
  return crypto.subtle.verify(algorithm, imported, found.signature.slice(4), checkpoint.body);
}

function say(said, good) {
  const line = document.createElement("li");
  line.className = good === undefined ? "" : good ? "good" : "bad";
  line.textContent = (good === undefined ? "" : good ? "✓ " : "✗ ") + said;
  verdict.append(line);
}

async function verify() {
  verdict.replaceChildren();
  const { index, size, leaf, root, note, hashes, record } = proof.dataset;
  try {
    let hash = bytes(leaf);
    if (record) {
      hash = await sha256([0], bytes(record));
      if (!same(hash, bytes(leaf))) return say("The record's bytes have another hash than the leaf: it was changed.", false);
      say(`The record's ${bytes(record).length} bytes hash to the leaf.`, true);
    } else {
      say("The record's bytes are not on this page: the hash of the leaf is taken as stated.");
    }
    const path = hashes.split(" ").filter(Boolean).map(bytes);
    const reached = await folded(hash, BigInt(index), BigInt(size), path);
    if (!same(reached, bytes(root))) return say("The proof does not lead to the root.", false);
    say(`Its ${path.length} hashes lead to the root of ${size} records.`, true);
    const checkpoint = opened(bytes(note));
    if (checkpoint.size !== BigInt(size) || !same(checkpoint.root, reached)) {
      return say("The checkpoint states another tree.", false);
    }
    say(`The checkpoint of ${checkpoint.origin} states that size and root.`, true);
    const good = await signed(checkpoint, document.getElementById("key").value);
    say(good ? "The key signed this checkpoint." : "The key did not sign this checkpoint.", good);
    if (!good) return;
    if (record) {
      say("Verified: this record is in the ledger, to the byte, as that key signed it.", true);
    } else {
      say("That hash is in the ledger. Which record it is of was not verified: its bytes are not given here.");
    }
    const key = document.getElementById("key");
    if (key.value.trim() === key.defaultValue.trim()) {
      say("The key is the one that this page came with: compare it with the one that you were given.");
    }
  } catch (fault) {
    if (fault.name === "NotSupportedError") {
      return say("This browser does not know Ed25519: the signature is not verified here. Use the command above.");
    }
    say(`Not verified: ${fault.message || fault}.`, false);
  }
}

if (proof && window.crypto?.subtle) {
  proof.querySelector(".needs-script").hidden = false;
  document.getElementById("verify").addEventListener("click", verify);
}
