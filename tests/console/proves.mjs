// What a page proves and what it keeps to: proofs, the policy, paper.

import assert from "node:assert/strict";
import { createHash, generateKeyPairSync } from "node:crypto";
import { join } from "node:path";

const LEICESTER = "/console/subjects/leicester-city/assessments/apa-2006";

export async function proves({ check, ledger, browser, artefacts, tokens }) {
  const page = await browser.signedIn(tokens.auditor);
  await check("a record is verified in the browser, and no spoiled one", async () =>
    verifies(page, await ledger.key()),
  );
  await check("a script within the page does not run, and nothing elsewhere is reached", () =>
    keepsToThePolicy(browser, page.context()),
  );
  await check("history and assessment are good on paper", () => prints(browser, tokens, artefacts));
}

async function verifies(page, trusted) {
  await page.goto("/console/records/79");
  const [key, button] = [page.getByLabel("The key that you trust"), page.locator("#verify")];
  assert.equal(await key.inputValue(), trusted, "it offers the key that the ledger signs with");
  const [, name] = trusted.match(/^(.+)\+[0-9a-f]{8}\+/);
  const whole = await page.evaluate(() => ({ ...document.getElementById("proof").dataset }));
  /** What it says last, after something was spoiled. */
  const said = async (spoiled, typed = trusted) => {
    await key.fill(typed);
    await page.evaluate((all) => {
      Object.assign(document.getElementById("proof").dataset, all);
      document.getElementById("verdict").replaceChildren();
    }, { ...whole, ...spoiled });
    await button.click();
    const last = page.locator("#verdict li").filter({ hasText: /Verified:|^✗/ });
    await last.waitFor();
    const words = await last.innerText();
    assert.equal(await last.getAttribute("class"), words.startsWith("✓") ? "good" : "bad");
    return words;
  };
  const verified = "✓ Verified: this record is in the ledger, to the byte, as that key signed it.";
  assert.equal(await said({}), verified);
  assert.match(await said({ record: flipped(whole.record, 40) }), /^✗ .*it was changed/);
  assert.match(await said({ leaf: flipped(whole.leaf, 0) }), /^✗ .*another hash than the leaf/);
  const hashes = whole.hashes.split(" ");
  const one = hashes.map((hash, at) => (at === 2 ? flipped(hash, 31) : hash)).join(" ");
  assert.equal(await said({ hashes: one }), "✗ The proof does not lead to the root.");
  const fewer = hashes.slice(0, -1).join(" ");
  assert.equal(await said({ hashes: fewer }), "✗ Not verified: the proof is too short.");
  const more = [...hashes, hashes[0]].join(" ");
  assert.equal(await said({ hashes: more }), "✗ Not verified: the proof is too long.");
  assert.equal(await said({ index: "77" }), "✗ The proof does not lead to the root.");
  const unsigned = "✗ The key did not sign this checkpoint.";
  assert.equal(await said({ note: signedOtherwise(whole.note) }), unsigned, "a spoiled signature");
  assert.equal(await said({ note: ofAnotherOrigin(whole.note) }), unsigned, "a spoiled text");
  const none = "✗ Not verified: the checkpoint has no signature of this key.";
  assert.equal(await said({}, another(name)), none, "another key of the same name");
  const id = trusted.slice(name.length + 1, name.length + 9);
  const pretended = another(name).replace(/\+[0-9a-f]{8}\+/, `+${id}+`);
  assert.match(await said({}, pretended), /^✗ .*the key's id is not that of its bytes/);
  assert.match(await said({}, "nonsense"), /^✗ .*that is no key/);
  assert.equal(await said({}), verified, "as it was it is verified again");
  await page.getByText("The key is the one that this page came with").waitFor();

  // A record of which only the hash is given is not said to be verified.
  await page.goto("/console/records/1");
  await button.click();
  await page.getByText("Which record it is of was not verified").waitFor();
  assert.equal(await page.locator("#verdict li", { hasText: /Verified:/ }).count(), 0);
}

/** With one bit of a byte changed; from the end, if `at` is negative. */
function flipped(base64, at) {
  const bytes = Buffer.from(base64, "base64");
  bytes[at < 0 ? bytes.length + at : at] ^= 1;
  return bytes.toString("base64");
}

function rewritten(note, rewrite) {
  return Buffer.from(rewrite(Buffer.from(note, "base64").toString())).toString("base64");
}

const signedOtherwise = (note) =>
  rewritten(note, (text) => text.replace(/ (\S+)\n$/, (_, signature) => ` ${flipped(signature, -1)}\n`));

/** Its text names another ledger; its signature does not. */
const ofAnotherOrigin = (note) => rewritten(note, (text) => text.replace("-ledger/", "-Ledger/"));

/** A key that somebody else made under this name. */
function another(name) {
  const { publicKey } = generateKeyPairSync("ed25519");
  const raw = Buffer.from(publicKey.export({ format: "jwk" }).x, "base64url");
  const key = Buffer.concat([Buffer.of(1), raw]);
  const id = createHash("sha256").update(`${name}\n`).update(key).digest("hex").slice(0, 8);
  return `${name}+${id}+${key.toString("base64")}`;
}

/** What becomes of a script that somebody put into the page, and of what it asks for. */
const injected = async () => {
  const forbidden = [];
  addEventListener("securitypolicyviolation", (event) => forbidden.push(event.effectiveDirective));
  const script = document.createElement("script");
  script.textContent = "window.injected = true";
  document.body.append(script);
  const button = document.createElement("button");
  button.setAttribute("onclick", "window.injected = true");
  document.body.append(button);
  button.click();
  const elsewhere = location.origin.replace("127.0.0.1", "localhost");
  const reached = await fetch(elsewhere, { mode: "no-cors" }).then(() => true, () => false);
  await new Promise((done) => setTimeout(done, 50));
  return { ran: window.injected === true, reached, forbidden: forbidden.sort() };
};

async function keepsToThePolicy(browser, signedIn) {
  const state = await signedIn.storageState();
  const tried = async (options, faults) => {
    // Errors are meant to happen here, and are not counted among those of pages.
    const window = await browser.unwatched({ storageState: state, ...options });
    browser.watch(window, faults);
    const page = await window.newPage();
    await page.goto(`${LEICESTER}/history`);
    return page.evaluate(injected);
  };
  const [kept, open] = [[], []];
  assert.deepEqual(await tried({}, kept), {
    ran: false,
    reached: false,
    forbidden: ["connect-src", "script-src-attr", "script-src-elem"],
  });
  assert.ok(kept.every((it) => !it.includes("was asked for")), `${kept}`);
  assert.ok(kept.some((it) => it.includes("Content Security Policy")), "an error is noticed");
  // Without the policy all of it would happen, and would be noticed.
  const without = await tried({ bypassCSP: true }, open);
  assert.deepEqual(without, { ran: true, reached: true, forbidden: [] });
  assert.ok(open.some((it) => it.startsWith("http://localhost:") && it.endsWith("was asked for")));
}

async function prints(browser, tokens, artefacts) {
  const page = await browser.signedIn(tokens.auditor, { colorScheme: "dark" });
  const gone = [".top", "form.moment", ".tabs", ".skip"];
  for (const [name, path, kept] of [
    ["history", `${LEICESTER}/history`, ["table.changes", ".picture svg", "h1"]],
    ["assessment", LEICESTER, ["table.grades", "h1", "details.section dd p"]],
  ]) {
    await page.emulateMedia({ media: null });
    await page.goto(path);
    const seen = (selector) =>
      page.locator(selector).first().evaluate((it) => it.checkVisibility({ contentVisibilityAuto: true }));
    assert.ok(await seen(".top"), "on the screen it is there");
    assert.ok(await seen("form.moment"));
    await page.emulateMedia({ media: "print" });
    for (const selector of gone) {
      if ((await page.locator(selector).count()) === 0) continue;
      assert.ok(!(await seen(selector)), `${name}: ${selector} is on paper`);
    }
    for (const selector of kept) assert.ok(await seen(selector), `${name}: ${selector} is not on paper`);
    const ink = await page.evaluate(() => getComputedStyle(document.body).color);
    assert.equal(ink, "rgb(0, 0, 0)", "black on white, whatever the screen is");
    const pdf = await page.pdf({ path: join(artefacts, `${name}.pdf`), format: "A4" });
    assert.ok(pdf.subarray(0, 5).equals(Buffer.from("%PDF-")));
    assert.ok(pdf.length > 10_000, `${name}: ${pdf.length} bytes`);
  }
}
