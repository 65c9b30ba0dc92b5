// The console in a real browser, as an auditor uses it: see ./run. One line for each check.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { Browser } from "./browser.mjs";
import { asks } from "./asks.mjs";
import { Ledger } from "./ledger.mjs";
import { walk } from "./pages.mjs";
import { proves } from "./proves.mjs";

const [program, modules, artefacts] = process.argv.slice(2);
const began = Date.now();
let failed = 0;

/** Says whether something holds, and goes on. */
async function check(what, held) {
  const start = Date.now();
  const took = () => `${((Date.now() - start) / 1000).toFixed(1)} s`;
  try {
    await held();
    console.log(`ok      ${what} (${took()})`);
  } catch (fault) {
    failed += 1;
    console.log(`FAILED  ${what} (${took()}): ${fault.stack ?? fault}`);
  }
}

async function main(ledger, browser) {
  const [auditor, second, consumer] = await Promise.all([
    ledger.token("auditor"),
    ledger.token("auditor", "second-auditor"),
    ledger.token("consumer"),
  ]);
  const told = { check, ledger, browser, artefacts, tokens: { auditor, second, consumer } };
  const scheme = (colours) =>
    check(`every page in ${colours} is accessible, and fits ${360} px`, () =>
      walk(browser, told.tokens, colours, artefacts),
    );
  await Promise.all([scheme("light"), scheme("dark"), asks(told).then(() => proves(told))]);

  await check("no page has an error, or asks for anything elsewhere", () =>
    assert.deepEqual(browser.faults, []),
  );
  const streaming = await browser.signedIn(auditor);
  await streaming.goto("/console/stream");
  await streaming.getByText("Live: records appear").waitFor();
  await check("the server ends with exit code 0, while a browser listens", () => ledger.stop());
  await check("the page of what comes says that the connection is gone", () =>
    streaming.getByText("The connection is interrupted").waitFor(),
  );
}

mkdirSync(artefacts, { recursive: true });
const ledger = await Ledger.start(program);
try {
  const browser = await Browser.start(modules, ledger.url);
  try {
    await main(ledger, browser);
  } finally {
    await browser.close();
  }
} finally {
  ledger.clear();
}
const took = `${((Date.now() - began) / 1000).toFixed(0)} s`;
console.log(failed ? `${failed} checks failed, in ${took}` : `the console holds, in ${took}`);
process.exitCode = failed ? 1 : 0;
