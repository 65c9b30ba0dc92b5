// A ledger of its own to look at, on a server that ends with the test.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { history, later } from "./haringey.mjs";

const SECONDS = 30;

/** The letter of 2006 that `demo` tells, and Haringey's history beside it. */
export class Ledger {
  #program;
  #place = mkdtempSync(join(tmpdir(), "console-"));
  #server;
  #said = "";

  static async start(program) {
    const ledger = new Ledger();
    ledger.#program = program;
    for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => ledger.clear());
    try {
      await ledger.#run("demo", "--data", join(ledger.#place, "data"));
      await ledger.#serve();
      await ledger.#import(history);
      return ledger;
    } catch (fault) {
      ledger.clear();
      throw fault;
    }
  }

  #in(name) {
    return join(this.#place, "data", name);
  }

  async #run(...words) {
    const options = { timeout: SECONDS * 1000, env: { ...process.env, ...this.environment } };
    return (await promisify(execFile)(this.#program, words, options)).stdout;
  }

  async #serve() {
    const words = [
      ["serve", "--data", this.#in("ledger")],
      ["--master-key-file", this.#in("master.key"), "--token-key-file", this.#in("token.key")],
      ["--listen", "127.0.0.1:0", "--admin-listen", "off"],
    ];
    this.#server = spawn(this.#program, words.flat(), { stdio: ["ignore", "ignore", "pipe"] });
    this.url = await new Promise((found, failed) => {
      const fail = () => failed(new Error(`the server did not start: ${this.#said}`));
      const deadline = setTimeout(fail, SECONDS * 1000);
      this.#server.once("exit", fail);
      this.#server.stderr.on("data", (piece) => {
        this.#said += piece;
        const told = this.#said.match(/^serving on (http:\S+)$/m);
        if (!told) return;
        clearTimeout(deadline);
        found(told[1]);
      });
    });
    const token = await this.token("auditor");
    this.environment = { JUDGEMENT_LEDGER_SERVER: this.url, JUDGEMENT_LEDGER_TOKEN: token };
  }

  /** The token of a login in this role. */
  async token(role, login = role) {
    const words = ["token", "--key-file", this.#in("token.key"), "--organisation", "ofsted"];
    return (await this.#run(...words, "--login", `${login}@ofsted`, "--role", role)).trim();
  }

  async #import(steps) {
    const file = join(this.#place, "steps.json");
    writeFileSync(file, JSON.stringify(steps));
    const bound = [];
    for (const [name, role] of [["", "records-officer"], ["admin=", "framework-admin"]]) {
      const token = join(this.#place, role);
      writeFileSync(token, await this.token(role), { mode: 0o600 });
      bound.push("--token-file", `${name}${token}`);
    }
    await this.#run("import", ...bound, file);
  }

  /** One more grade is set, of an area that has none. */
  async change(area) {
    await this.#import(later(area));
  }

  /** The key by which it signs, as an auditor was given it elsewhere. */
  async key() {
    return JSON.parse(await this.#run("checkpoint", "--format", "json")).keys[0];
  }

  /** Ends the server as an operator does; it must end well. */
  async stop() {
    const ended = new Promise((done) => this.#server.once("exit", (...how) => done(how)));
    this.#server.kill("SIGTERM");
    const deadline = setTimeout(() => this.#server.kill("SIGKILL"), SECONDS * 1000);
    const how = await ended;
    clearTimeout(deadline);
    this.clear();
    assert.deepEqual(how, [0, null], `the server ended with [code, signal] ${how}:\n${this.#said}`);
  }

  /** Leaves nothing behind, whatever happened. */
  clear() {
    this.#server?.kill("SIGKILL");
    rmSync(this.#place, { recursive: true, force: true });
  }
}
