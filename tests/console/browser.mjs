// The browser: who signs in, and what must not happen on any page.

import { createRequire } from "node:module";
import { join } from "node:path";

/** A browser whose packages are in the folder `modules`. */
export class Browser {
  /** What went wrong on some page: errors, and what was asked of elsewhere. */
  faults = [];
  #chromium;

  static async start(modules, url) {
    const browser = new Browser();
    const require = createRequire(join(modules, "package.json"));
    browser.axe = require("axe-core").source;
    browser.url = url;
    // A GPU that is only imitated is slower than none. Chromium's own sandbox refuses to run as root.
    const args = ["--disable-gpu", ...(process.getuid?.() === 0 ? ["--no-sandbox"] : [])];
    const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
    browser.#chromium = await require("playwright-core").chromium.launch({ executablePath, args });
    return browser;
  }

  /** A window that shares nothing with others. */
  async window(options = {}) {
    const window = await this.unwatched(options);
    this.watch(window, this.faults);
    return window;
  }

  async unwatched(options) {
    const window = await this.#chromium.newContext({ baseURL: this.url, ...options });
    window.setDefaultTimeout(20_000);
    return window;
  }

  /** A page in a window of its own, whose login has signed in by the form. */
  async signedIn(token, options = {}) {
    const page = await (await this.window(options)).newPage();
    await page.goto("/console/sign-in");
    await this.signIn(page, token);
    return page;
  }

  async signIn(page, token) {
    await page.getByLabel("Token").fill(token);
    await page.getByRole("button", { name: "Sign in" }).click();
  }

  /** Notes in `faults` what must not happen. */
  watch(window, faults) {
    window.on("request", (request) => {
      const asked = new URL(request.url());
      if (asked.origin !== new URL(this.url).origin) faults.push(`${asked} was asked for`);
    });
    window.on("weberror", (error) => faults.push(`${error.page()?.url()}: ${error.error()}`));
    window.on("console", (message) => {
      if (!["error", "warning"].includes(message.type())) return;
      const { url } = message.location();
      const page = message.page()?.url();
      // That a page is refused as a whole the browser says, too.
      const refusal = /^Failed to load resource: .* status of 40[134] /.test(message.text());
      if (!(refusal && url === page)) faults.push(`${page}: ${message.text()}`);
    });
  }

  async close() {
    await this.#chromium.close();
  }
}

/** The rows of a table's body, each as the texts of its cells. */
export function rows(table) {
  return table.locator("tbody > tr").evaluateAll((found) =>
    found.map((row) => [...row.cells].map((cell) => cell.innerText.trim())),
  );
}

/** What stands on the page of an assessment: the grade of each area. */
export async function grades(page) {
  const all = await rows(page.locator("table.grades"));
  return Object.fromEntries(all.map(([area, grade]) => [area, grade.split("\n")[0].trim()]));
}
