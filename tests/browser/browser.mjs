// Helpers of the scenarios: a browser that reports every fault, and axe.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

// `.ci/run` installs the packages outside this folder.
const require = createRequire(`${process.env.TOWER_AUTHN_CLIENTS}/`);
const { chromium } = require('playwright-core');
const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
  // A host that browsers do not treat as loopback.
  '--host-resolver-rules=MAP example.test 127.0.0.1, MAP *.localhost 127.0.0.1',
];

/**
 * Runs a scenario in a browser of its own. Console errors and warnings, exceptions
 * and violations of the content security policy are faults, except those that the
 * scenario provokes.
 * @param {(context: any) => Promise<void>} scenario
 * @param {RegExp} provoked
 * @param {object} options of the browser's context
 */
export async function run(scenario, provoked = /^$/, options = {}) {
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  const browser = await chromium.launch({ executablePath, args: FLAGS });
  try {
    const context = await browser.newContext({ permissions: ['clipboard-read', 'clipboard-write'], ...options });
    context.setDefaultTimeout(30_000);
    const faults = await listen(context);
    await scenario(context);
    assert.deepEqual(faults.filter((fault) => !provoked.test(fault)), [], 'the browser complained');
  } finally {
    await browser.close();
  }
}

async function listen(context) {
  const faults = [];
  await context.exposeBinding('violated', (_, what) => faults.push(`policy: ${what}`));
  await context.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) => {
      globalThis.violated(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
    });
  });
  context.on('weberror', (error) => faults.push(`thrown: ${error.error()}`));
  context.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) faults.push(message.text());
  });
  return faults;
}

/** The serious problems that axe finds in the page. */
export async function serious(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document));
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html} ${node.failureSummary}`));
}

/** Signs in with a token on an open page. */
export async function signIn(page, token) {
  await page.getByLabel('Token', { exact: true }).fill(token);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('Signed in as').waitFor();
}

/** Calls an API route. */
export async function call(url, token, method = 'GET', body = undefined) {
  const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
  const response = await fetch(url, { method, headers, body: body && JSON.stringify(body) });
  const text = await response.text();
  return { status: response.status, body: text && JSON.parse(text) };
}
