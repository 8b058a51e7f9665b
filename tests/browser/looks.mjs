// Every state of the page, in both sizes and color schemes: axe finds nothing serious,
// nothing is wider than the page, and a picture is saved.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { call, run, serious, signIn } from './browser.mjs';

const [url, token, pictures] = process.argv.slice(2);
const DAY = 86_400_000;
const ends = (days) => new Date(Date.now() + days * DAY).toISOString();

const TOKENS = [
  { name: 'ci-deploy', description: 'Pushes models and updates deployments from the build', scopes: ['resources'], expires_at: ends(88) },
  { name: 'demo-frontend', description: 'The chat page', scopes: ['deployment'], targets: ['demo'], expires_at: ends(27) },
  { name: 'staging load test', scopes: ['deployment'], targets: ['staging-*', 'demo'], expires_at: ends(2) },
  { name: 'laptop of alice', scopes: ['deployment', 'resources'], expires_at: ends(7) },
  { name: 'nightly-batch', description: 'Scores yesterday’s orders', scopes: ['deployment'], expires_at: null },
  { name: 'metrics', scopes: ['resources:deployments', 'resources:clusters'], expires_at: ends(365) },
  { name: 'old gateway', description: 'Replaced by the new one in March', scopes: ['deployment'], expires_at: ends(90) },
  { name: 'partner', scopes: ['deployment'], targets: ['summarizer'], expires_at: ends(60), metadata: { team: 'partners', ticket: 4711 } },
  { name: '<img src=x onerror="alert(1)">', description: 'A name is a text, whatever it looks like', scopes: ['deployment'], expires_at: ends(30) },
  { name: 'a-very-long-name-of-a-program-that-calls-the-summarizer-of-the-quarterly-reports', scopes: ['deployment'], expires_at: ends(30) },
  { name: 'opens next month', scopes: ['deployment'], not_before: ends(20), expires_at: ends(80) },
];

async function fill(manage) {
  const made = new Map();
  for (const draft of TOKENS) {
    const { status, body } = await call(`${manage}/tokens`, token, 'POST', draft);
    assert.equal(status, 201, JSON.stringify(body));
    made.set(draft.name, body);
  }
  const act = async (name, action, body) => {
    const answer = await call(`${manage}/tokens/${made.get(name).id}/${action}`, token, 'POST', body);
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
  };
  await act('old gateway', 'revoke', { reason: 'the key was in a log' });
  await act('partner', 'suspend');
  await act('demo-frontend', 'rotate', { grace_seconds: 86_400 });
  return made;
}

await run(async (context) => {
  mkdirSync(pictures, { recursive: true });
  const page = await context.newPage();

  /** Takes pictures of a state in both sizes and color schemes, and checks them. */
  async function look(state) {
    for (const [width, height] of [[1440, 900], [360, 740]]) {
      await page.setViewportSize({ width, height });
      for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        const name = `${state}-${width}-${colorScheme}`;
        await page.screenshot({ path: `${pictures}/${name}.png` });
        assert.deepEqual(await serious(page), [], name);
        const over = await page.evaluate(() => {
          const open = [...document.querySelectorAll('dialog[open]')].at(-1);
          const { scrollWidth, clientWidth } = open ?? document.documentElement;
          return scrollWidth - clientWidth;
        });
        assert.ok(over <= 0, `${name} is ${over} px too wide`);
      }
    }
    await page.setViewportSize({ width: 1440, height: 900 });
  }
  const button = (name) => page.getByRole('button', { name, exact: true });
  const close = () => page.keyboard.press('Escape');

  await page.goto(`${url}/api_tokens`);
  await page.getByRole('dialog', { name: 'Sign in to API tokens' }).waitFor();
  await look('sign-in');
  await page.getByLabel('User and password').check();
  await look('sign-in-user');
  await page.getByLabel('A token').check();
  await page.getByLabel('Token', { exact: true }).fill('no token');
  await button('Sign in').click();
  await look('sign-in-wrong');

  await signIn(page, token);
  await page.getByLabel('Search').fill('nothing of this name');
  await page.getByRole('heading', { name: 'No token matches' }).waitFor();
  await look('empty');
  await page.getByLabel('Search').fill('');

  await fill(`${url}/manage`);
  await page.reload();
  await button('metrics').waitFor();
  await look('list');
  assert.equal(await page.locator('img').count(), 0, 'a name became an element');

  await context.setOffline(true);
  await page.getByLabel('State').selectOption('active');
  await page.getByText('The server can’t be reached.').waitFor();
  await look('failed');
  await context.setOffline(false);
  await button('Try again').click();
  await page.getByLabel('State').selectOption('');

  await button('Create token').click();
  await look('create');
  await page.getByLabel('Name').fill('worker');
  await page.getByLabel('Targets').fill('*');
  await page.getByLabel('deployment', { exact: true }).check();
  await page.getByLabel('Expires', { exact: true }).selectOption('never');
  await page.getByText('A token that never expires').waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Create token' }).click();
  await page.locator('#targets-error:not(:empty)').waitFor();
  await look('create-fault');
  await page.getByLabel('Targets').fill('demo');
  await page.getByLabel('Expires', { exact: true }).selectOption('date');
  await page.getByLabel('Date of expiry').fill(ends(200).slice(0, 10));
  await page.getByRole('dialog').getByRole('button', { name: 'Create token' }).click();
  await page.getByRole('dialog', { name: 'Token created' }).waitFor();
  await look('secret');
  await button('Copy: Token').click();
  await page.getByText('Copied: Token.').waitFor();
  await look('secret-copied');
  await button('Done').click();

  await button('old gateway').click();
  await page.getByRole('dialog', { name: 'old gateway' }).waitFor();
  await look('details-revoked');
  await close();
  await button('laptop of alice').click();
  await page.getByRole('dialog', { name: 'laptop of alice' }).waitFor();
  await look('details');
  await button('Edit…').click();
  await look('edit');
  await close();
  await button('Rotate…').click();
  await look('confirm-rotate');
  await close();
  await button('Revoke…').click();
  await look('confirm-revoke');
  await close();
  await close();
  await button('partner').click();
  await page.getByRole('dialog', { name: 'partner' }).waitFor();
  await look('details-suspended');
  await close();
  await button('first').click();
  await button('Suspend…').click();
  await page.getByText('You are signed in with this token').waitFor();
  await look('confirm-own');

  await page.goto(`${url}/deployments/demo`);
  await page.getByText('Tokens that can be used for').waitFor();
  await button('metrics').waitFor();
  await look('target');
}, /status of 422|ERR_INTERNET_DISCONNECTED/);
