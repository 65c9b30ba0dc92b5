// Opens page.ts in a real browser, and prints what it reads of the story that was told before.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { chromium } from "playwright-core";
import { AuditService } from "./gen/judgement/ledger/v1/audit_service_pb.js";
import { AREA, bearer } from "./reading.js";

const told = (name: string) => process.env[name] ?? "";
const [ledger, token] = [`http://${told("LEDGER")}`, told("LEDGER_INSPECTOR")];
const assessment = told("LEDGER_ASSESSMENT");
const origin = new URL(told("LEDGER_PAGE"));

const interceptors = [bearer(token)];
const transport = createGrpcTransport({ baseUrl: ledger, defaultTimeoutMs: 10_000, interceptors });
const history = createClient(AuditService, transport).getGradeHistory({ assessment, area: AREA });
const [first, second] = (await history).rows.map((row) => row.position);
if (!first || !second) throw new Error("the story was not told before");

const script = readFileSync(new URL("page.js", import.meta.url));
const server = createServer((request, response) => {
  const isScript = request.url === "/page.js";
  response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
  response.end(isScript ? script : '<script type="module" src="/page.js"></script>');
});
await new Promise<void>((done) => server.listen(Number(origin.port), origin.hostname, done));

// Chromium's own sandbox refuses to run as root.
const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const browser = await chromium.launch({ executablePath, args });
try {
  const page = await browser.newPage();
  await page.goto(origin.href);
  const story = { ledger, token, assessment, key: told("LEDGER_KEY"), first, second };
  const lines = await page.evaluate((it) => tell(it), story);
  lines.forEach((line) => console.log(line));
} finally {
  await browser.close();
  server.close();
}
