// Plays steps in a headless Chromium, and tells what was seen.
//
//   node play.mjs --port 8443 --screenshots DIR [FILE]
//
// It reads one step per line, as JSON, from the file or from standard input, and prints one line per step, as JSON, once it is done: so whoever
// starts it may look before the next step. Every step names its visitor, who has cookies and storage of their own:
//
//   {"visitor": "mover", "open": "https://www.shop.test/?visitor=mover"}     or "reload": true, or "click": "#id"
//   {"visitor": "mover", "fill": {"#user": "ada"}, "click": "#submit"}       first filled, then clicked
//   {"visitor": "mover", "read": ["#hero"], "shoot": "mover"}                texts, and a screenshot; with any of the above, or alone
//
// Names under `.test` are this machine's, at the port that was given. No other host can be reached.

import { createReadStream } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

const require = createRequire(join(process.env.TRIBUTARY_TEST_PACKAGES, "packages.js"));
const { chromium } = require("playwright-core");

const PATIENCE_MS = 30_000;
// The Web SDK reports displays and clicks a moment after they happened.
const QUIET_MS = 400;

const { values: given, positionals: files } = parseArgs({
  options: { port: { type: "string" }, screenshots: { type: "string" } },
  allowPositionals: true,
});

/** A person at a browser of their own, and what has been seen of them since somebody asked. */
class Visitor {
  static async arrive(browser) {
    const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1180, height: 820 } });
    context.setDefaultTimeout(PATIENCE_MS);
    return new Visitor(context, await context.newPage());
  }

  constructor(context, page) {
    this.context = context;
    this.page = page;
    this.console = [];
    this.calls = [];
    this.pending = new Set();
    this.heard = Date.now();
    page.on("console", (message) => this.console.push({ type: message.type(), text: message.text() }));
    page.on("pageerror", (error) => this.console.push({ type: "error", text: String(error) }));
    context.on("request", (request) => this.began(request));
    context.on("requestfinished", (request) => this.ended(request));
    context.on("requestfailed", (request) => this.ended(request));
  }

  began(request) {
    this.heard = Date.now();
    this.pending.add(request);
  }

  async ended(request) {
    this.heard = Date.now();
    if (new URL(request.url()).pathname.includes("/v1/")) this.calls.push(await seenOf(request));
    this.pending.delete(request);
  }

  /** Waits until the page has shown what the edge decided, and all has been told that is to be told. */
  async settled() {
    await this.page.waitForSelector("html[data-experience]", { state: "attached" });
    const began = Date.now();
    while (this.pending.size > 0 || Date.now() - this.heard < QUIET_MS) {
      if (Date.now() - began > PATIENCE_MS) throw new Error(`requests without an answer: ${[...this.pending].map((each) => each.url())}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async play({ open, reload, fill = {}, click, read = [], shoot }) {
    if (open) await this.page.goto(open);
    if (reload) await this.page.reload();
    for (const [selector, value] of Object.entries(fill)) await this.page.fill(selector, value);
    if (click) await this.page.click(click);
    this.heard = Date.now();
    await this.settled();
    return {
      url: this.page.url(),
      experience: await this.page.getAttribute("html", "data-experience"),
      texts: await this.texts(read),
      cookies: await this.cookies(),
      calls: this.calls.splice(0),
      console: this.console.splice(0),
      ...(shoot && { screenshot: await this.shot(shoot) }),
    };
  }

  /** What stands in the first element of each selector, or null where there is none. */
  async texts(selectors) {
    const texts = {};
    for (const selector of selectors) {
      const found = this.page.locator(selector);
      texts[selector] = (await found.count()) > 0 ? (await found.first().innerText()).trim() : null;
    }
    return texts;
  }

  async cookies() {
    const cookies = await this.context.cookies();
    return cookies.map(({ name, value, domain, httpOnly }) => ({ name, value, domain, httpOnly }));
  }

  async shot(name) {
    const path = join(given.screenshots, `${name}.png`);
    await this.page.screenshot({ path });
    return path;
  }
}

/** A call of the edge, and its answer. */
async function seenOf(request) {
  const url = new URL(request.url());
  const answer = await request.response().catch(() => null);
  return {
    host: url.host,
    // Without the base path, and the hint that may follow it.
    action: url.pathname.split("/v1/")[1],
    path: url.pathname,
    sent: json(request.postData()),
    status: answer?.status() ?? null,
    answer: json(await answer?.text().catch(() => null)),
    failure: request.failure()?.errorText ?? null,
  };
}

function json(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text ?? null;
  }
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: [
    // Chromium's own sandbox does not work as root, nor in most containers; the only pages are this repository's.
    "--no-sandbox",
    "--ignore-certificate-errors",
    `--host-resolver-rules=MAP *.test 127.0.0.1:${given.port}, MAP * ~NOTFOUND`,
  ],
});
const visitors = new Map();
try {
  const input = files.length > 0 ? createReadStream(files[0]) : process.stdin;
  for await (const line of createInterface({ input })) {
    if (line.trim() === "") continue;
    const step = JSON.parse(line);
    if (!visitors.has(step.visitor)) visitors.set(step.visitor, await Visitor.arrive(browser));
    const seen = await visitors.get(step.visitor).play(step);
    process.stdout.write(`${JSON.stringify({ visitor: step.visitor, ...seen })}\n`);
  }
} finally {
  await browser.close();
}
