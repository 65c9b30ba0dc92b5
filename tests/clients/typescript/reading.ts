// The reading part of the story, for Node and for browsers: nothing here knows where it runs.

import { createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { AssessmentService } from "./gen/judgement/ledger/v1/assessment_service_pb.js";
import { AuditService } from "./gen/judgement/ledger/v1/audit_service_pb.js";
import { ChangeKind } from "./gen/judgement/ledger/v1/common_pb.js";
import type { Record } from "./gen/judgement/ledger/v1/record_pb.js";
import { TransparencyService } from "./gen/judgement/ledger/v1/transparency_service_pb.js";

type Bytes = Uint8Array<ArrayBuffer>;

/** What is read: an assessment, and the records of its two grades. */
export interface Story {
  assessment: string;
  /** The key that signs, NAME+ID+BASE64: from where the reader trusts, never from the ledger. */
  key: string;
  first: bigint;
  second: bigint;
}

export const AREA = "enjoying-and-achieving";

/** Sends a token with every call. */
export function bearer(token: string): Interceptor {
  return (next) => (request) => {
    request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  };
}

export function check(held: boolean, otherwise: string): asserts held {
  if (!held) throw new Error(otherwise);
}

/** Reads what was written: what was known when, record by record, and proven. */
export async function read(transport: Transport, story: Story): Promise<string[]> {
  return [
    await history(transport, story),
    await known(transport, story),
    await streamed(transport, story),
    ...(await proven(transport, story)),
  ];
}

async function history(transport: Transport, { assessment, second }: Story) {
  const audit = createClient(AuditService, transport);
  const { rows } = await audit.getGradeHistory({ assessment, area: AREA, minPosition: second });
  const changes = rows.map(({ grade }) => {
    const before = grade?.before ? `${grade.before.word} to ` : "";
    return `${ChangeKind[grade?.change ?? 0]} ${before}${grade?.after?.word}`;
  });
  return `history: ${changes.join(", ")}`;
}

async function known(transport: Transport, { assessment, first, second }: Story) {
  const service = createClient(AssessmentService, transport);
  const then = await service.getAssessment({
    name: assessment,
    knownAt: { case: "knownAtPosition", value: first },
  });
  const now = await service.getAssessment({ name: assessment, minPosition: second });
  const [before, after] = [then, now].map((it) => it.judgements[0]?.award?.word);
  return `known before: ${before}, known now: ${after}`;
}

async function streamed(transport: Transport, { assessment }: Story) {
  const [start] = await records(transport, assessment, 0n, 1);
  check(start !== undefined, "there are no records");
  const rest = await records(transport, assessment, start.position, Infinity);
  const revisions = [start, ...rest].map((it) => it.revision);
  check(revisions.join() === "1,2,3", `it is not every record once: ${revisions}`);
  return `streamed: ${event(start)}, then ${rest.map(event).join(", ")}`;
}

/** So many of the assessment's records after a position, or all that there are. */
async function records(transport: Transport, assessment: string, after: bigint, most: number) {
  const enough = new AbortController();
  const stream = createClient(AuditService, transport).streamRecords(
    { afterPosition: after, streams: [assessment], catchUpOnly: true },
    { signal: enough.signal },
  );
  const all: Record[] = [];
  try {
    for await (const { message } of stream) {
      if (message.case !== "record" || !message.value.record || all.length === most) continue;
      all.push(message.value.record);
      // The call ends by this. After a mere `break` it would go on until its deadline.
      if (all.length === most) enough.abort();
    }
  } catch (error) {
    if (!enough.signal.aborted) throw error;
  }
  return all;
}

/** The name of what happened. */
const event = (record: Record) => record.event.value?.$typeName.split(".").pop();

async function proven(transport: Transport, { assessment, key, second }: Story) {
  const service = createClient(TransparencyService, transport);
  const { records, checkpoint } = await service.getTrail({ assessment, minSize: second });
  const proven = records.find((it) => it.position === second);
  check(proven !== undefined && checkpoint !== undefined, "the record is not in the trail");
  const note = new TextDecoder().decode(checkpoint.note);
  const end = note.lastIndexOf("\n\n") + 1;
  const [text, signatures] = [note.slice(0, end), note.slice(end + 1)];
  const [, size, root] = text.split("\n");

  const leads = async (record: Uint8Array) => {
    const to = await fold(record, second - 1n, BigInt(size ?? 0), proven.hashes);
    return base64(to) === root;
  };
  const spoiled = proven.record.map((byte, at) => (at === 0 ? byte ^ 1 : byte));
  check(await leads(proven.record), "the record is not in the tree");
  check(!(await leads(spoiled)), "anything is in the tree");

  check(await isSigned(text, signatures, key), "the checkpoint is not signed");
  check(!(await isSigned(text.replace(`${size}`, "1"), signatures, key)), "anything is signed");
  const { size: statedSize, root: statedRoot } = checkpoint;
  check(`${statedSize}` === size && base64(statedRoot) === root, "it states another tree");
  return [
    "proved: the record is in the tree, and a spoiled one is not",
    "signed: the ledger signed that tree, and not a spoiled one",
  ];
}

/** The root to which a record and its proof lead; nothing if to none. (RFC 9162 §2.1.3.2) */
async function fold(record: Uint8Array, index: bigint, size: bigint, hashes: Uint8Array[]) {
  let last = size - 1n;
  let root = await sha256([0], record);
  for (const sibling of hashes) {
    if (last === 0n) return new Uint8Array();
    if (index & 1n || index === last) {
      root = await sha256([1], sibling, root);
      while (index && !(index & 1n)) [index, last] = [index >> 1n, last >> 1n];
    } else {
      root = await sha256([1], root, sibling);
    }
    [index, last] = [index >> 1n, last >> 1n];
  }
  return last === 0n ? root : new Uint8Array();
}

async function sha256(...parts: Iterable<number>[]): Promise<Bytes> {
  const bytes = Uint8Array.from(parts.flatMap((part) => [...part]));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

/** Whether a key signed a text. (c2sp.org/signed-note) */
async function isSigned(text: string, signatures: string, vkey: string) {
  const [, name, id, base] = /^(.+)\+([0-9a-f]{8})\+(.+)$/.exec(vkey) ?? [];
  const [algorithm, ...bytes] = fromBase64(base ?? "");
  check(algorithm === 1, "it is no key of Ed25519");
  const key = await crypto.subtle.importKey("raw", Uint8Array.from(bytes), "Ed25519", false, [
    "verify",
  ]);
  for (const line of signatures.split("\n")) {
    // Beside the ledger witnesses may have signed.
    const [, signer, encoded] = line.split(" ");
    const signature = fromBase64(encoded ?? "");
    if (signer === name && hex(signature.slice(0, 4)) === id) {
      const signed = new TextEncoder().encode(text);
      return crypto.subtle.verify("Ed25519", key, signature.slice(4), signed);
    }
  }
  return false;
}

const base64 = (bytes: Uint8Array) => btoa(String.fromCharCode(...bytes));
const fromBase64 = (text: string): Bytes => Uint8Array.from(atob(text), (it) => it.charCodeAt(0));
const hex = (bytes: Uint8Array) =>
  Array.from(bytes, (it) => it.toString(16).padStart(2, "0")).join("");
