// Over TLS the browser gets and keeps the strict cookie: on the reference server, in
// the tab of one deployment.

import assert from 'node:assert/strict';
import { run, signIn } from './browser.mjs';

const [url, token] = process.argv.slice(2);

await run(async (context) => {
  const page = await context.newPage();
  const button = (name) => page.getByRole('button', { name, exact: true });
  const cookies = async () => (await context.cookies()).map(({ value, expires, name, ...form }) => ({ name: name.replace(/-[0-9a-f]{12}$/, ''), ...form }));

  await page.goto(`${url}/deployments/demo/api_tokens`);
  await signIn(page, token);
  const strict = { name: '__Host-tower-authn', domain: '127.0.0.1', path: '/', httpOnly: true, secure: true, sameSite: 'Strict' };
  assert.deepEqual(await cookies(), [strict]);

  await button('Create token').click();
  const dialog = page.getByRole('dialog', { name: 'Create a token' });
  await dialog.getByLabel('Name').fill('caller');
  for (const scope of ['deployment', 'resources']) await dialog.getByLabel(scope, { exact: true }).check();
  await dialog.getByRole('button', { name: 'Create token' }).click();
  await button('Copy: CLI').click();
  await page.getByText('Copied: CLI.').waitFor();
  const line = await page.evaluate(() => navigator.clipboard.readText());
  assert.match(line, new RegExp(`bentoml cloud login --api-token bento_\\w{63} --endpoint ${url}$`));
  await button('Done').click();
  await button('caller').waitFor();
  await page.getByText('for demo', { exact: true }).waitFor();

  await button('Sign out').click();
  await page.getByText('You are signed out.').waitFor();
  assert.deepEqual(await cookies(), []);
}, /^$/, { ignoreHTTPSErrors: true });
