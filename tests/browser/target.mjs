// The page of one target's tokens, and a list with more than one page.

import assert from 'node:assert/strict';
import { call, run, signIn } from './browser.mjs';

const [url, token] = process.argv.slice(2);
const make = (name, targets) => call(`${url}/manage/tokens`, token, 'POST', { name, targets, scopes: ['deployment'] });

await run(async (context) => {
  const page = await context.newPage();
  const names = () => page.locator('tbody th button').allTextContents();
  await make('for demo', ['demo']);
  await make('for others', ['other']);
  await make('for demos', ['dem*', 'x']);

  await page.goto(`${url}/deployments/demo`);
  await signIn(page, token);
  await page.getByText('3 tokens').waitFor();
  assert.deepEqual(await names(), ['for demos', 'for demo', 'first']);
  await page.getByRole('button', { name: 'Create token' }).click();
  assert.equal(await page.getByLabel('Targets').inputValue(), 'demo');
  await page.keyboard.press('Escape');
  await page.getByRole('link', { name: 'All tokens' }).click();
  await page.getByText('4 tokens').waitFor();
  assert.equal(page.url(), `${url}/api_tokens`);

  // The name of a target is text.
  await page.goto(`${url}/deployments/${encodeURIComponent('"><img src=x>{{title}}')}`);
  await page.getByText('"><img src=x>{{title}}').waitFor();
  assert.equal(await page.locator('img').count(), 0);

  // Browsers accept a host that a shell would run.
  const odd = await context.newPage();
  await odd.goto(`${url.replace('127.0.0.1', '$(id).localhost')}/api_tokens`);
  await signIn(odd, token);
  await odd.getByRole('button', { name: 'Create token' }).click();
  await odd.getByLabel('Name', { exact: true }).fill('odd');
  await odd.getByLabel('deployment').check();
  await odd.locator('#edit').getByRole('button', { name: 'Create token' }).click();
  await odd.getByLabel('curl', { exact: true }).waitFor();
  const lines = await odd.locator('#secret textarea').evaluateAll((areas) => areas.map((area) => area.value));
  assert.ok(lines[1].endsWith(' http://HOST/') && !lines.join().includes('$('), lines.join());
  await odd.close();

  for (let count = 0; count < 60; count += 1) await make(`many ${count}`);
  await page.goto(`${url}/api_tokens`);
  await page.getByText('50 or more tokens').waitFor();
  await page.getByRole('button', { name: 'Show more' }).click();
  await page.getByText('65 tokens').waitFor();
  assert.equal(new Set(await names()).size, 65, 'a token is missing or repeated');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), (await names())[50]);
  await page.getByLabel('Search').fill('many 5');
  await page.getByText('11 tokens').waitFor();
});
