// Signing in and out: with a token, with a user and password, and with wrong ones.

import assert from 'node:assert/strict';
import { call, run, signIn } from './browser.mjs';

const [url, token] = process.argv.slice(2);
const manage = `${url}/manage/tokens`;

await run(async (context) => {
  const page = await context.newPage();
  const open = () => page.goto(`${url}/api_tokens`);
  const button = (name) => page.getByRole('button', { name, exact: true });
  const tokenField = page.getByLabel('Token', { exact: true });
  const cookies = () => context.cookies(url);
  const says = (text) => page.getByText(text).waitFor();
  const listed = () => page.evaluate(() => fetch('api_tokens/api/tokens').then(({ status }) => status));

  await open();
  await tokenField.fill('acme_not_a_token');
  await button('Sign in').click();
  await says('This token is not valid.');
  assert.deepEqual(await cookies(), []);
  assert.equal(await listed(), 401);

  const weak = await call(manage, token, 'POST', { name: 'weak', scopes: ['deployment'] });
  await tokenField.fill(weak.body.secret);
  await button('Sign in').click();
  await says('You do not have the right to manage tokens');
  assert.deepEqual(await cookies(), []);

  await page.getByLabel('User and password').check();
  await page.getByLabel('User', { exact: true }).fill('alice');
  await page.getByLabel('Password', { exact: true }).fill('wrong-horse');
  await button('Sign in').click();
  await says('Wrong user or password.');
  await page.getByLabel('Password', { exact: true }).fill('pässword-ü');
  await button('Sign in').click();
  await says('Signed in as alice');
  const [before] = await cookies();
  assert.deepEqual(
    { ...before, name: before.name.replace(/-[0-9a-f]{12}$/, ''), value: before.value.length, expires: 0 },
    { name: 'tower-authn', value: 72, domain: '127.0.0.1', path: '/', expires: 0, httpOnly: true, secure: false, sameSite: 'Strict' },
  );
  await page.reload();
  await says('Signed in as alice');
  assert.equal(await listed(), 200);

  await button('Sign out').click();
  await says('You are signed out.');
  assert.deepEqual(await cookies(), []);
  assert.equal(await page.getByText('weak').count(), 0);
  await context.addCookies([before]);
  assert.equal(await listed(), 401, 'the session outlived its end');
  await context.clearCookies();

  // A sign-in replaces a planted cookie.
  const planted = { ...before, value: 'A'.repeat(72) };
  await context.addCookies([planted]);
  await open();
  await signIn(page, token);
  const [own] = await cookies();
  assert.notEqual(own.value, planted.value);
  assert.equal(await listed(), 200);

  // Without TLS, browsers drop the strict cookie, and the server sends no other.
  await page.goto(`http://example.test:${new URL(url).port}/api_tokens`);
  await tokenField.fill(token);
  await button('Sign in').click();
  await says('This page needs HTTPS');
}, /status of 40[13]|Cross-Origin-Opener-Policy header has been ignored/);
