// A session ends with its token, and the form keeps its values.

import assert from 'node:assert/strict';
import { call, run, signIn } from './browser.mjs';

const [url, token] = process.argv.slice(2);
const manage = `${url}/manage/tokens`;
const make = async (draft) => (await call(manage, token, 'POST', { scopes: ['resources', 'deployment'], ...draft })).body;

await run(async (context) => {
  const page = await context.newPage();
  const button = (name) => page.getByRole('button', { name, exact: true });
  const ended = () => page.getByText('Your session has ended.').waitFor();
  const create = () => page.getByRole('dialog', { name: 'Create a token' });

  const short = await make({ name: 'short' });
  await page.goto(`${url}/api_tokens`);
  await signIn(page, short.secret);
  await button('Create token').click();
  assert.deepEqual(
    await page.getByLabel('Expires', { exact: true }).locator('option').evaluateAll((options) => options.map(({ value }) => value)),
    ['latest', '7', '30', '60', 'date'],
    'the form offers an expiry that the server refuses',
  );
  await page.getByLabel('Name').fill('typed before');
  await page.getByLabel('deployment', { exact: true }).check();
  await call(`${manage}/${short.id}/revoke`, token, 'POST', { reason: 'test' });
  await create().getByRole('button', { name: 'Create token' }).click();
  await ended();
  assert.equal((await call(`${manage}?search=typed`, token)).body.items.length, 0);
  assert.equal(await page.locator('tbody tr').count(), 0);

  await signIn(page, token);
  await page.getByText('Nothing was changed').waitFor();
  assert.equal(await page.getByLabel('Name').inputValue(), 'typed before');
  await create().getByRole('button', { name: 'Create token' }).click();
  await page.getByRole('dialog', { name: 'Token created' }).waitFor();
  await button('Done').click();
  await button('typed before').waitFor();
  await button('Sign out').click();

  // A token that expires while the page is idle.
  const brief = await make({ name: 'brief' });
  await signIn(page, brief.secret);
  await button('typed before').waitFor();
  const end = Date.now() + 1_000;
  await call(`${manage}/${brief.id}`, token, 'PATCH', { expires_at: new Date(end).toISOString() });
  await new Promise((resolve) => setTimeout(resolve, end + 10 - Date.now()));
  await page.getByLabel('State').selectOption('active');
  await ended();

  // A person who rotates the token of their own session sees the new secret first,
  // even if other responses say that the session has ended.
  const own = await make({ name: 'own' });
  await signIn(page, own.secret);
  await button('own').waitFor();
  let release = () => {};
  const held = new Promise((resolve) => { release = resolve; });
  await page.route('**/api/tokens?*', async (route) => {
    await held;
    await route.continue();
  });
  await page.getByLabel('State').selectOption('');
  await button('own').click();
  await button('Rotate…').click();
  await page.getByText('You are signed in with this token.').waitFor();
  await page.getByLabel('The old token stays valid for').selectOption('0');
  await button('Rotate token').click();
  await page.getByRole('dialog', { name: 'Token rotated' }).waitFor();
  const secret = await page.locator('#secret textarea').first().inputValue();
  const late = page.waitForResponse('**/api/tokens?*');
  release();
  assert.equal((await late).status(), 401);
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 100)));
  assert.ok(!(await page.locator('#sign-in').isVisible()));
  await button('Done').click();
  await ended();
  await signIn(page, secret);
  await page.getByText('Signed in as admin').waitFor();
}, /status of 401/);
