// The story of tests/clients/README.md, in TypeScript for Node.

import { readFileSync } from "node:fs";
import { equals, type MessageInitShape } from "@bufbuild/protobuf";
import { ConnectError, createClient, type Client } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { Code } from "./gen/google/rpc/code_pb.js";
import { ErrorInfoSchema } from "./gen/google/rpc/error_details_pb.js";
import * as assessments from "./gen/judgement/ledger/v1/assessment_service_pb.js";
import { AuditService } from "./gen/judgement/ledger/v1/audit_service_pb.js";
import { ChangeKind } from "./gen/judgement/ledger/v1/common_pb.js";
import { ReceiptSchema, type Receipt } from "./gen/judgement/ledger/v1/resources_pb.js";
import { AREA, bearer, check, read } from "./reading.js";
import { retrying } from "./retrying.js";

type Assessments = Client<typeof assessments.AssessmentService>;

const told = (name: string) => process.env[name] ?? "";
const assessment = told("LEDGER_ASSESSMENT");

async function main() {
  const [lead, inspector] = [connect("LEDGER_LEAD"), connect("LEDGER_INSPECTOR")];
  const service = assessments.AssessmentService;
  const [first, second] = await write(
    createClient(service, lead),
    createClient(service, inspector),
  );
  const audit = createClient(AuditService, inspector);
  const nonsense = audit.streamRecords({ expression: "nonsense =" })[Symbol.asyncIterator]();
  const { code, info } = await refusal(nonsense.next());
  console.log(`refused stream: ${code} ${info.reason}`);
  const positions = { first: first.position, second: second.position };
  const lines = await read(inspector, { assessment, key: told("LEDGER_KEY"), ...positions });
  lines.forEach((line) => console.log(line));
}

/** The ledger as a login sees it. Every call has a deadline, and is repeated as the config says. */
function connect(token: string) {
  const config = JSON.parse(readFileSync(told("LEDGER_SERVICE_CONFIG"), "utf8"));
  return createGrpcTransport({
    baseUrl: `http://${told("LEDGER")}`,
    defaultTimeoutMs: 10_000,
    interceptors: [retrying(config), bearer(told(token))],
  });
}

/** Opens, grades, and is refused; the receipts of both grades. */
async function write(lead: Assessments, inspector: Assessments): Promise<[Receipt, Receipt]> {
  const opened = await lead.openAssessment({
    assessment,
    act: act(),
    framework: "frameworks/apa/versions/2006",
    cycle: "2006",
  });
  console.log(`opened: revision ${opened.revision}`);

  const first = await inspector.setGrade({
    assessment,
    act: act(),
    area: AREA,
    grade: { award: { case: "word", value: "good" } },
    expected: { last: { case: "noneYet", value: true } },
  });
  console.log(`graded: ${ChangeKind[first.change]} good`);

  const lower = {
    assessment,
    act: { ...act(), reason: "DATA_CORRECTED", rationale: "Exclusions were counted wrongly." },
    area: AREA,
    grade: { award: { case: "word", value: "adequate" } },
    expected: { last: { case: "position", value: first.position } },
  } satisfies MessageInitShape<typeof assessments.SetGradeRequestSchema>;
  const second = await inspector.setGrade(lower);
  console.log(`graded: ${ChangeKind[second.change]} adequate`);

  const late = await refusal(inspector.setGrade({ ...lower, act: { ...lower.act, ...act() } }));
  const { position, record_id } = late.info.metadata;
  check(position === `${second.position}` && record_id === second.recordId, "others were first");
  console.log(`refused: ${late.code} ${late.info.reason}, and the winner is our own record`);

  // What was sent once may be sent again, whatever was heard of it.
  const again = await inspector.setGrade(lower);
  check(again.replayed && !second.replayed, "it was recorded again");
  check(equals(ReceiptSchema, { ...again, replayed: false }, second), "it is another receipt");
  console.log("repeated: the same receipt, replayed");

  const rationale = "Something else.";
  const other = await refusal(inspector.setGrade({ ...lower, act: { ...lower.act, rationale } }));
  console.log(`refused: ${other.code} ${other.info.reason}`);
  return [first, second];
}

/** A command of its own: its id is made once, however often it is sent. */
const act = () => ({ requestId: crypto.randomUUID() });

/** The code and reason with which a call is refused. */
async function refusal(call: Promise<unknown>) {
  const error = await call.then(() => new Error("it was not refused"), ConnectError.from);
  const info = error instanceof ConnectError && error.findDetails(ErrorInfoSchema)[0];
  if (!info) throw error;
  return { code: Code[error.code], info };
}

await main();
