// Behind a proxy that removes a prefix of the path, the page works with and without a
// slash at its end, and so does one of the app's own pages.

import assert from 'node:assert/strict';
import { run, signIn } from './browser.mjs';

const [url, token] = process.argv.slice(2);

await run(async (context) => {
  const page = await context.newPage();
  const signOut = async () => {
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByText('You are signed out.').waitFor();
  };
  for (const path of ['/api_tokens', '/api_tokens/']) {
    await page.goto(`${url}${path}`);
    await signIn(page, token);
    await page.getByRole('button', { name: 'first' }).waitFor();
    await signOut();
  }

  await page.goto(`${url}/deployments/demo`);
  await signIn(page, token);
  await page.getByRole('button', { name: 'first' }).waitFor();
  await page.getByRole('link', { name: 'All tokens' }).click();
  await page.getByRole('button', { name: 'first' }).waitFor();
  assert.equal(page.url(), `${url}/api_tokens`);
  await signOut();

  // A plain-text page names no icon.
  await context.route('**/favicon.ico', (route) => route.fulfill({ status: 204 }));
  // The form is at the page's own address, which then shows the page.
  await page.goto(`${url}/hello`);
  await page.getByLabel('Token', { exact: true }).fill(token);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('hello, admin').waitFor();
  assert.equal(page.url(), `${url}/hello`);
});
