// Every page, light and dark, wide and narrow: a picture of each, and what axe-core says of it.

import assert from "node:assert/strict";
import { join } from "node:path";

const LEICESTER = "/console/subjects/leicester-city/assessments/apa-2006";
const HARINGEY = "/console/subjects/haringey/assessments/apa-2008";
const [WIDE, NARROW] = [1280, 360];
const STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

// Of each page its address, the code that it answers and what must be on it.
const OF_AUDITORS = {
  home: ["/console/", 200, "h1:text('Subjects')"],
  subject: ["/console/subjects/haringey", 200, "h1:text('London Borough of Haringey')"],
  assessment: [LEICESTER, 200, "table.grades"],
  "assessment-then": [`${LEICESTER}?known_at=75`, 200, "text=Show what stands now"],
  "assessment-stated": [`${HARINGEY}?stated_at=2008-12-07`, 200, "text=By the dates that sources state"],
  history: [`${LEICESTER}/history`, 200, ".picture .change.lowered"],
  "history-transcribed": [`${HARINGEY}/history`, 200, "text=transcribed, not witnessed"],
  compare: [`${HARINGEY}/compare?before=draft-1&after=working`, 200, "ins"],
  letter: [`${LEICESTER}/letter`, 200, "iframe.letter"],
  draft: [`${HARINGEY}/letter?draft=1`, 200, "iframe.letter"],
  audit: ["/console/audit?filter=change%20%3D%20LOWERED", 200, "tr.lowered"],
  "audit-faulty": ["/console/audit?filter=chance%20%3D%20LOWERED", 200, "[aria-invalid=true]"],
  framework: ["/console/frameworks/apa/versions/2008?counted=working", 200, "table.matrix .lowered"],
  record: ["/console/records/79", 200, "#verify"],
  verified: ["/console/records/79", 200, "#verify"],
  stream: ["/console/stream", 200, "#rows tr"],
  nowhere: ["/console/nothing", 404, "text=There is no such page"],
};

/** Walks through all pages in one scheme of colours; what axe-core found, and which pages it saw. */
export async function walk(browser, tokens, colorScheme, artefacts) {
  const options = { colorScheme, viewport: { width: WIDE, height: 900 } };
  const stranger = await (await browser.window(options)).newPage();
  const auditor = await browser.signedIn(tokens.auditor, options);
  const consumer = await browser.signedIn(tokens.consumer, options);
  const pages = [
    [stranger, "sign-in", ["/console/sign-in", 200, "#token"]],
    ...Object.entries(OF_AUDITORS).map(([name, page]) => [auditor, name, page]),
    [consumer, "forbidden", ["/console/audit", 403, "text=Your role does not allow this"]],
  ];
  for (const [page, name, [path, code, expected]] of pages) {
    await page.setViewportSize(options.viewport);
    const answer = await page.goto(path);
    assert.equal(answer.status(), code, `${name}: ${path}`);
    await page.locator(expected).first().waitFor();
    if (name === "verified") await verified(page);
    if (name === "assessment") await opened(page);
    const picture = (width) => join(artefacts, `${name}-${colorScheme}-${width}.png`);
    await page.screenshot({ path: picture(WIDE), fullPage: true });
    assert.deepEqual(await violations(browser, page), [], `${name}, ${colorScheme}`);
    await page.setViewportSize({ width: NARROW, height: 900 });
    if (colorScheme === "light") await page.screenshot({ path: picture(NARROW), fullPage: true });
    assert.ok(await fits(page), `${name}: at ${NARROW} px the page scrolls sideways`);
  }
  await controls(browser, stranger);
  return pages.length;
}

async function verified(page) {
  await page.getByRole("button", { name: "Verify in this browser" }).click();
  await page.locator("#verdict li", { hasText: /Verified:/ }).waitFor();
}

/** All that can be unfolded is unfolded. */
async function opened(page) {
  await page.locator("details").evaluateAll((all) => all.forEach((it) => (it.open = true)));
}

/** That what is looked for would be found. */
async function controls(browser, page) {
  await page.evaluate(() => {
    document.documentElement.removeAttribute("lang");
    document.querySelector("label").remove();
    Object.assign(document.querySelector("p.help").style, { color: "#888", background: "#999" });
    document.querySelector("h1").style.width = "500px";
  });
  const found = (await violations(browser, page)).map((it) => it.split(":")[0]);
  for (const spoiled of ["color-contrast", "html-has-lang", "label"]) {
    assert.ok(found.includes(spoiled), `${spoiled} is found where it is: ${found}`);
  }
  assert.ok(!(await fits(page)), "a page that is too wide is found to be");
}

async function violations(browser, page) {
  await Promise.all(page.frames().map((frame) => frame.evaluate(browser.axe)));
  return page.evaluate(async (standards) => {
    const { violations } = await axe.run({
      resultTypes: ["violations"],
      runOnly: { type: "tag", values: standards },
    });
    return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((it) => it.html).join(" ")}`);
  }, STANDARDS);
}

function fits(page) {
  return page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
}
