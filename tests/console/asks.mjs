// What an auditor asks: who gets in, what stood when, who changed it, what others had been shown.

import assert from "node:assert/strict";
import { grades, rows } from "./browser.mjs";

const LEICESTER = "/console/subjects/leicester-city/assessments/apa-2006";
const HARINGEY = "/console/subjects/haringey/assessments/apa-2008";
const OVERALL = "The local authority's children's services";
const [CHILDREN, SAFE] = ["Children's services", "Staying safe"];

export async function asks({ check, ledger, browser, tokens }) {
  await check("a token lets in and leads on, a wrong one is told, signing out ends the session", () =>
    signsIn(browser, tokens),
  );
  const page = await browser.signedIn(tokens.auditor);
  await check("what stood on 7 December: as sources state it", () => stoodOn7December(page));
  await check("who changed it on the 8th, on what evidence", () => changedOnThe8th(page));
  await check("what the council had been shown", () => shownToTheCouncil(page));
  await check("without scripts: moments, history and the proof's command", () =>
    withoutScripts(browser, tokens),
  );
  await check("the slider shows what was known, by the keys alone", () => slides(page));
  await check("a sign of the picture says who and why, to pointer and keys", () => says(page));
  await check("a search is kept, is a link, and finds the same for somebody else", () =>
    keeps(browser, tokens, page),
  );
  await check("a record comes to the page while it is open", () => streams(page, ledger));
}

async function signsIn(browser, tokens) {
  const page = await (await browser.window()).newPage();
  await page.goto("/console/audit?filter=change%20%3D%20RAISED");
  assert.match(page.url(), /\/console\/sign-in\?to=/, "nobody gets in without");
  await browser.signIn(page, `${tokens.auditor.slice(0, -4)}AAAA`);
  await page.getByRole("alert").filter({ hasText: "Not taken: " }).waitFor();
  await page.goto("/console/");
  assert.match(page.url(), /\/console\/sign-in/, "a wrong token lets nobody in");

  await page.goto("/console/audit?filter=change%20%3D%20RAISED");
  await browser.signIn(page, tokens.auditor);
  await page.waitForURL("/console/audit?filter=change%20%3D%20RAISED");
  await page.getByText("auditor@ofsted").first().waitFor();
  const kept = await page.context().cookies();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL("/console/sign-in");
  const visit = async () => {
    await page.goto("/console/");
    return new URL(page.url()).pathname;
  };
  assert.equal(await visit(), "/console/sign-in");
  await page.context().addCookies(kept);
  assert.equal(await visit(), "/console/sign-in", "what the browser had kept is worth nothing");
}

/** Says a moment in the form. */
async function asksFor(page, field, value) {
  await page.getByLabel(field).fill(value);
  await page.getByRole("button", { name: "Show", exact: true }).click();
  await page.waitForURL(`**=${value}*`);
}

async function stoodOn7December(page) {
  await page.goto("/console/");
  await page.getByRole("link", { name: "haringey/apa-2008" }).click();
  const stated = async (day) => {
    await asksFor(page, "As sources state by", day);
    await page.getByText("By the dates that sources state").waitFor();
    const found = await grades(page);
    return [found[CHILDREN], found[SAFE]];
  };
  const now = await grades(page);
  assert.deepEqual([now[CHILDREN], now[SAFE]], ["1 (transcribed)", "1 (transcribed)"]);
  assert.deepEqual(await stated("2008-12-02"), ["no grade", "no grade"]);
  assert.deepEqual(await stated("2008-12-07"), ["3 (transcribed)", "3 (transcribed)"]);
  assert.deepEqual(await stated("2008-12-08"), ["1 (transcribed)", "1 (transcribed)"]);
}

async function changedOnThe8th(page) {
  await page.goto(HARINGEY);
  await page.getByRole("link", { name: "Grade history" }).click();
  const changes = await rows(page.locator("table.changes"));
  const onThe8th = changes.filter((row) => row[3].includes("decided on 2008-12-08"));
  assert.deepEqual(
    onThe8th.map((row) => row[2]),
    [CHILDREN, SAFE].map((area) => `▼ ${area}\nLOWERED 3 → 1 (transcribed)`),
  );
  assert.equal(changes.length, 4, "and before that they were given");
  const row = page.locator("tr.lowered").filter({ hasText: SAFE });
  const told = await row.locator("dl > div").evaluateAll((pairs) =>
    Object.fromEntries(pairs.map((it) => [...it.children].map((part) => part.innerText))),
  );
  const { evidence, ...rest } = told;
  assert.deepEqual(rest, {
    "decided by":
      "consistency panel (ofsted): a director, a reviewer; met 2008-12-08; minutes disclosed in 2010",
    "told by": "the chief inspector (ofsted)",
    "recorded by": "records-officer@ofsted (records officer, ofsted)",
    why: "MODERATION on same evidence: [invented] the evidence of the joint area review was weighed again",
    "holds from": "2008-12-08, decided on 2008-12-08",
    source: "transcribed, not witnessed: [invented] the minutes of the panel",
  });
  assert.match(evidence, /^joint-area-review \(record \d+\)$/);
  await row.getByRole("link").click();
  await page.getByRole("link", { name: evidence }).click();
  await page.getByText("EntryRevised joint-area-review (transcribed)").waitFor();
  await page.getByText("decided on 2008-12-06").waitFor();
}

async function shownToTheCouncil(page) {
  await page.goto(HARINGEY);
  const told = "shown to the director of children's services";
  const shown = page.getByRole("listitem").filter({ hasText: told });
  await shown.getByRole("link", { name: /as known at record/ }).click();
  await page.getByText("Show what stands now").waitFor();
  const known = await grades(page);
  assert.deepEqual([known[CHILDREN], known[SAFE]], ["3 (transcribed)", "3 (transcribed)"]);

  await page.goBack();
  await shown.getByRole("link", { name: "what changed since" }).click();
  const compared = await rows(page.getByRole("region", { name: "Grades" }));
  assert.deepEqual(compared, [CHILDREN, SAFE].map((area) => [area, "3", "1", "lowered"]));
  assert.equal(await page.locator("del").innerText(), "most");
  assert.equal(await page.locator("ins").innerText(), "few");

  await page.goBack();
  await shown.getByRole("link", { name: "Draft 1" }).click();
  const letter = page.frameLocator("iframe.letter");
  await letter.getByText("This is draft 1, as it was shared with the director").waitFor();
  assert.deepEqual(await rows(letter.locator("table")), [[CHILDREN, "3"], [SAFE, "3"]]);

  // When that was, by the source: the record of it says so.
  await page.goto("/console/audit?filter=event%20%3D%20DraftShared");
  await page.locator("table.changes tbody th a").click();
  await page.getByText("decided on 2008-12-05").waitFor();
  await page.getByText("the covering message of 5 December").waitFor();
}

async function withoutScripts(browser, tokens) {
  const page = await browser.signedIn(tokens.auditor, { javaScriptEnabled: false });
  await page.goto(LEICESTER);
  assert.equal((await grades(page))[OVERALL], "4");
  assert.equal(await page.locator("#slider").count(), 0);
  await asksFor(page, "As known at", "90");
  assert.equal((await grades(page))[OVERALL], "3");
  await page.getByText(/^The \d+ moments/).click();
  await page.locator("#moments a[data-position='91']").click();
  await page.waitForURL("**?known_at=91");
  assert.equal((await grades(page))[OVERALL], "4");
  assert.equal(await page.locator("#moments a[aria-current]").getAttribute("data-position"), "91");

  await page.getByRole("link", { name: "Grade history" }).click();
  const lowered = page.locator("table.changes tr.lowered");
  assert.match(await lowered.innerText(), /LOWERED good → adequate[^]*APA moderation panel/);
  const title = page.locator(".change.lowered title");
  assert.match(await title.textContent(), /decided by: APA moderation panel/);
  await lowered.getByRole("link").click();
  await page.getByText("judgement-ledger proof --position 79").waitFor();
  assert.ok(await page.locator("#verify").isHidden(), "what needs a script is not offered");
}

async function slides(page) {
  await page.goto(LEICESTER);
  const slider = page.getByRole("slider", { name: "Slide to what was known" });
  assert.equal((await grades(page))[OVERALL], "4");
  await slider.focus();
  for (const known of [94, 93, 92, 91, 90]) {
    await page.keyboard.press("ArrowLeft");
    await page.waitForURL(`**?*known_at=${known}*`);
    await page.locator("#slider:focus").waitFor();
  }
  assert.equal((await grades(page))[OVERALL], "3");
  assert.match(await slider.getAttribute("aria-valuetext"), /^2006-12-11 15:10:00 AssessmentReopened/);
  await page.keyboard.press("End");
  await page.waitForURL((url) => !url.searchParams.has("known_at"));
  assert.equal((await grades(page))[OVERALL], "4");
  await page.goto(`${LEICESTER}?known_at=2006-10-12`);
  assert.match(await slider.getAttribute("aria-valuetext"), /LOWERED good → adequate$/, "of a day, too");
}

async function says(page) {
  await page.goto(`${LEICESTER}/history`);
  const [card, sign] = [page.locator(".said"), page.locator(".change.lowered")];
  assert.ok(await card.isHidden());
  await sign.hover();
  await card.waitFor();
  assert.match(await card.innerText(), /record 79\n[^]*decided by: APA moderation panel[^]*why: MODERATION/);
  await card.hover();
  await page.waitForTimeout(400);
  assert.ok(await card.isVisible(), "who points at what is said goes on reading it");
  await page.keyboard.press("Escape");
  await card.waitFor({ state: "hidden" });
  await sign.hover();
  await card.waitFor();
  await page.mouse.move(0, 0);
  await card.waitFor({ state: "hidden" });

  await page.locator(".change").first().focus();
  assert.match(await card.innerText(), /^record 75\n/);
  await page.keyboard.press("Tab");
  const focused = await page.evaluate(() => document.activeElement.getAttribute("aria-label"));
  assert.equal((await card.innerText()).replaceAll("\n", ", "), focused);
  assert.doesNotMatch(focused, /^record 75,/);
  await page.keyboard.press("Escape");
  await card.waitFor({ state: "hidden" });
  await page.keyboard.press("Enter");
  await page.waitForURL("**/console/records/*");
}

async function keeps(browser, tokens, page) {
  await page.goto("/console/audit");
  assert.equal(await page.locator("#saved a").count(), 0);
  await page.getByLabel("What to look for").fill("change = LOWERED");
  await page.getByRole("button", { name: "Search" }).click();
  await page.waitForURL("**?filter=*");
  const found = await rows(page.locator("table.changes"));
  assert.equal(found.length, 3);
  await page.getByLabel("Keep this search").fill("what was lowered");
  await page.getByRole("button", { name: "Keep" }).click();

  const address = page.url();
  await page.goto("/console/audit");
  const everything = await rows(page.locator("table.changes"));
  assert.notDeepEqual(everything, found);
  await page.getByRole("link", { name: "what was lowered" }).click();
  await page.waitForURL(address);
  assert.deepEqual(await rows(page.locator("table.changes")), found);
  const other = await browser.signedIn(tokens.second);
  await other.goto(address);
  await other.getByText("second-auditor@ofsted").waitFor();
  assert.deepEqual(await rows(other.locator("table.changes")), found);
  assert.equal(await other.locator("#saved a").count(), 0, "what is kept is kept in one browser");
  await page.getByRole("button", { name: "Forget what was lowered" }).click();
  await page.reload();
  assert.equal(await page.locator("#saved a").count(), 0);
}

async function streams(page, ledger) {
  await page.goto("/console/stream");
  await page.getByText("Live: records appear").waitFor();
  const row = (area) => page.locator("#rows tr").filter({ hasText: area }).filter({ hasText: "haringey" });
  const fresh = row("Being healthy");
  assert.equal(await fresh.count(), 0);
  await page.evaluate(() => (window.stayed = true));
  await ledger.change("being-healthy");
  await fresh.waitFor();
  assert.match(await fresh.innerText(), /● Being healthy\s+AWARDED 2 \(transcribed\)/);
  assert.match(await page.locator("#news").textContent(), /^\d+ new, up to record \d+$/);

  const pause = page.getByRole("button", { name: "Pause" });
  await pause.click();
  await ledger.change("enjoying-and-achieving");
  await page.getByText(/^Paused: records up to \d+ wait/).waitFor();
  const waiting = row("Enjoying and achieving");
  assert.equal(await waiting.count(), 0, "who reads is not disturbed");
  await pause.click();
  await waiting.waitFor();
  assert.ok(await page.evaluate(() => window.stayed), "the page was not loaded again");
}
