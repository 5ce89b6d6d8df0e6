/* driver.mjs - one browser with one page, told what to do by lines of JSON, as tests/ui/page.py writes
 * them: {"do": NAME, …} in, {"ok": VALUE} or {"failed": TEXT} out. What the console complains about is
 * kept, and told by `errors`. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const modules = createRequire(fileURLToPath(new URL("../../build/npm/", import.meta.url)));
const { chromium } = modules("playwright-core");

const WAIT_MS = 30000;
const [width, height, theme] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-dev-shm-usage",
  ] /* root has no sandbox, and a lab little shared memory */,
});
const context = await browser.newContext({
  viewport: { width: Number(width), height: Number(height) },
  colorScheme: theme,
  permissions: ["clipboard-read", "clipboard-write"],
});
context.setDefaultTimeout(WAIT_MS);
const page = await context.newPage();
const errors = [];
page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
page.on("pageerror", (error) => errors.push(error.message));
page.on("dialog", (dialog) => {
  errors.push(`a dialog: ${dialog.message()}`);
  void dialog.dismiss();
});

/* {role, name} or {css}; `of` is a CSS selector of what it is inside. */
function find({ role, name, css, label, of }) {
  const root = of ? page.locator(of) : page;
  if (label) return root.getByLabel(label, { exact: true });
  return (role ? root.getByRole(role, { name, exact: true }) : root.locator(css)).first();
}

/* The JSON, but that each of these keys has this text for its own, and so often as it had texts. */
function lied(json, keys, text) {
  return JSON.stringify(
    JSON.parse(json, (key, value) => {
      if (!keys.includes(key)) return value;
      return typeof value === "string" ? text : Array.isArray(value) ? value.map(() => text) : value;
    }),
  );
}

const commands = {
  open: async ({ url }) => void (await page.goto(url)),
  /* From now on the API says this text wherever it has these keys: what no program of ours would let
   * through, the page still has to bear. */
  lie: async ({ keys, text }) => {
    await page.routeWebSocket("**/api/v1/events", (socket) => {
      const server = socket.connectToServer();
      server.onMessage((message) => socket.send(lied(message, keys, text)));
    });
    await page.route("**/api/v1/**", async (route) => {
      try {
        const response = await route.fetch();
        await route.fulfill({ response, body: lied(await response.text(), keys, text) });
      } catch {
        return; /* who asked has gone */
      }
    });
  },
  reload: async () => void (await page.reload()),
  theme: async ({ theme: scheme }) => void (await page.emulateMedia({ colorScheme: scheme })),
  size: async ({ width: w, height: h }) =>
    void (await page.setViewportSize({ width: w, height: h })),
  click: async (what) => void (await find(what).click()),
  fill: async (what) => void (await find(what).fill(what.value)),
  upload: async ({ css, name, text }) =>
    void (await page.setInputFiles(css, {
      name,
      mimeType: "application/json",
      buffer: Buffer.from(text),
    })),
  press: async ({ key }) => void (await page.keyboard.press(key)),
  see: async (what) => void (await find(what).waitFor({ state: "visible" })),
  miss: async (what) => void (await find(what).waitFor({ state: "hidden" })),
  text: async (what) => find(what).innerText(),
  texts: async ({ css }) => page.locator(css).allInnerTexts(),
  count: async ({ css }) => page.locator(css).count(),
  value: async (what) => find(what).inputValue(),
  focused: async () =>
    page.evaluate(() =>
      (
        document.activeElement?.getAttribute("aria-label") ??
        document.activeElement?.textContent ??
        ""
      ).trim(),
    ),
  paper: async () => page.evaluate(() => getComputedStyle(document.body).backgroundColor),
  /* What the page has stored in the browser, but for the session. */
  forget: async () => {
    await page.evaluate(() => localStorage.clear());
    await page.reload();
  },
  title: async () => page.title(),
  clipboard: async () => page.evaluate(() => navigator.clipboard.readText()),
  /* What makes the page wider than the window; news, which no scrolling brings back, always has to fit. */
  sideways: async () =>
    page.evaluate(() => {
      const fits = document.documentElement.scrollWidth <= innerWidth;
      const wide = [...document.querySelectorAll(fits ? ".toasts *" : "#app *")].filter(
        (one) => one.getBoundingClientRect().right > innerWidth + 1,
      );
      return wide.map((one) => `${one.tagName}.${one.getAttribute("class")}`);
    }),
  shot: async ({ path, full }) => void (await page.screenshot({ path, fullPage: full ?? false })),
  /* Milliseconds from the beginning of the navigation until this was there to see. */
  shown: async ({ url, css }) => {
    await page.goto(url, { waitUntil: "commit" });
    await page.waitForSelector(css);
    return page.evaluate(() => performance.now());
  },
  axe: async () => {
    await page.evaluate(readFileSync(modules.resolve("axe-core/axe.min.js"), "utf8"));
    const { violations } = await page.evaluate(() => globalThis.axe.run(document));
    return violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(
        ({ id, nodes }) =>
          `${id}: ${nodes.map(({ target, failureSummary }) => `${target} ${failureSummary}`).join("; ")}`,
      );
  },
  errors: async () => errors.splice(0),
};

for await (const line of createInterface({ input: process.stdin })) {
  const told = JSON.parse(line);
  let answer;
  try {
    answer = { ok: (await commands[told.do](told)) ?? null };
  } catch (error) {
    answer = { failed: `${line}: ${error.message}` };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
