// A token's life on the page, used with the keyboard only.

import assert from 'node:assert/strict';
import { call, run } from './browser.mjs';

const [url, token] = process.argv.slice(2);
const whoami = async (secret) => (await call(`${url}/manage/whoami`, secret)).status;

await run(async (context) => {
  const page = await context.newPage();
  const keys = page.keyboard;

  /** Presses Tab until the element with this name has the focus. */
  async function tabTo(name) {
    const seen = [];
    for (let presses = 0; presses < 40; presses += 1) {
      await keys.press('Tab');
      seen.push(await focused());
      if (seen.at(-1) === name) return;
    }
    assert.fail(`Tab did not reach ${name}, but ${seen.join(' | ')}`);
  }
  const focused = () => page.evaluate(() => {
    const element = document.activeElement;
    const label = element.labels?.[0] ?? element;
    return element.getAttribute('aria-label') ?? label.textContent.trim();
  });
  const says = (text) => page.getByText(text, { exact: true }).waitFor();
  const dialog = (name) => page.getByRole('dialog', { name, exact: true }).waitFor();

  /** Copies the secret in the dialog, and closes the dialog. */
  async function takeSecret(heading) {
    await dialog(heading);
    const secret = await page.getByLabel('Token', { exact: true }).and(page.locator('textarea')).inputValue();
    assert.match(secret, /^acme_[0-9A-Za-z]{12}_[0-9A-Za-z]{50}$/);
    assert.equal(await focused(), 'Copy: Token');
    await keys.press('Enter');
    await page.getByText('Copied: Token.').waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), secret);
    const lines = await page.locator('#secret textarea').evaluateAll((areas) => areas.map((area) => area.value));
    assert.deepEqual(lines, [
      secret,
      `curl -H "Authorization: Bearer ${secret}" ${url}/`,
      `requests.get("${url}/", headers={"Authorization": "Bearer ${secret}"})`,
      `acme login --endpoint ${url} --token ${secret}`,
    ]);
    await tabTo('Done');
    await keys.press('Enter');
    await page.locator('#secret textarea').first().waitFor({ state: 'detached' });
    await isForgotten(secret);
    return secret;
  }

  /** Checks that the secret is neither in the page nor in the browser's storage. */
  async function isForgotten(secret) {
    const everything = await page.evaluate(() => [
      document.documentElement.outerHTML,
      ...[...document.querySelectorAll('input, textarea')].map((field) => field.value),
      location.href, document.cookie, JSON.stringify(localStorage), JSON.stringify(sessionStorage),
      JSON.stringify(history.state),
    ].join('\n'));
    assert.ok(everything.includes('API tokens'));
    assert.ok(!everything.includes(secret), 'the secret is still there');
  }

  await page.goto(`${url}/api_tokens`);
  await dialog('Sign in to API tokens');
  assert.equal(await focused(), 'Token');
  await keys.type(token);
  await keys.press('Enter');
  await page.getByText('Signed in as admin').waitFor();
  await isForgotten(token);

  await tabTo('Create token');
  await keys.press('Enter');
  await dialog('Create a token');
  assert.equal(await focused(), 'Name');
  await keys.type('worker');
  await tabTo('Create token');
  await keys.press('Enter');
  await page.getByText('Choose at least one').waitFor();
  await tabTo('deployment');
  await keys.press('Space');
  await tabTo('Targets optional');
  await keys.type('demo staging-*');
  await tabTo('Expires');
  await keys.press('Home');
  await tabTo('Create token');
  await keys.press('Enter');
  const first = await takeSecret('Token created');
  assert.equal(await focused(), 'Create token');
  assert.equal(await whoami(first), 200);

  const { body } = await call(`${url}/manage/tokens?search=worker`, token);
  const [made] = body.items;
  assert.deepEqual([made.scopes, made.targets], [['deployment'], ['demo', 'staging-*']]);
  const days = (Date.parse(made.expires_at) - Date.parse(made.created_at)) / 86_400_000;
  assert.ok(Math.abs(days - 7) < 0.01, `${days} days`);

  await page.reload();
  await page.getByRole('button', { name: 'worker' }).waitFor();
  await isForgotten(first);
  await tabTo('worker');
  await keys.press('Enter');
  await dialog('worker');
  await isForgotten(first);

  await tabTo('Rotate…');
  await keys.press('Enter');
  await dialog('Rotate “worker”?');
  assert.equal(await focused(), 'The old token stays valid for');
  await keys.press('Home');
  await keys.press('Tab');
  await tabTo('Rotate token');
  await keys.press('Enter');
  const second = await takeSecret('Token rotated');
  assert.equal(await whoami(first), 401);
  assert.equal(await whoami(second), 200);

  await tabTo('Suspend…');
  await keys.press('Enter');
  await dialog('Suspend “worker”?');
  await tabTo('Suspend token');
  await keys.press('Enter');
  await says('Suspended.');
  assert.equal(await whoami(second), 401);
  await tabTo('Resume');
  await keys.press('Enter');
  await says('Resumed.');
  assert.equal(await whoami(second), 200);

  await tabTo('Revoke…');
  await keys.press('Enter');
  await dialog('Revoke “worker”?');
  await keys.type('no longer used');
  await tabTo('Revoke token');
  let release = () => {};
  const held = new Promise((resolve) => { release = resolve; });
  await page.route('**/api/tokens?*', async (route) => {
    await held;
    await route.continue();
  });
  await keys.press('Enter');
  await says('Revoked.');
  await page.getByText('no longer used').waitFor();
  assert.equal(await whoami(second), 401);

  // The focus returns to the token's row, and stays there when the list is reloaded.
  await keys.press('Escape');
  const id = second.split('_')[1];
  const inList = () => page.waitForFunction((id) => document.activeElement.dataset.id === id, id);
  await inList();
  release();
  await page.locator('tbody').getByText('Revoked').first().waitFor();
  await inList();
});
