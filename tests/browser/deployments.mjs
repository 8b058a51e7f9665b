// The pages of the deployments, used with the keyboard only: signing in, the list,
// one deployment, its switch, and its tab of tokens. Takes a picture of each state.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { call, run, serious } from './browser.mjs';

const [url, token, pictures] = process.argv.slice(2);

await run(async (context) => {
  mkdirSync(pictures, { recursive: true });
  const page = await context.newPage();

  /** Takes pictures of a state in both sizes and color schemes, and checks them. */
  async function look(state) {
    for (const [width, height] of [[1440, 900], [360, 740]]) {
      await page.setViewportSize({ width, height });
      for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        const name = `deployments-${state}-${width}-${colorScheme}`;
        await page.screenshot({ path: `${pictures}/${name}.png`, fullPage: true });
        assert.deepEqual(await serious(page), [], name);
        const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.ok(over <= 0, `${name} is ${over} px too wide`);
      }
    }
    await page.setViewportSize({ width: 1440, height: 900 });
  }

  /** Presses Tab until an element has the focus, and then Enter. */
  async function press(name) {
    for (let count = 0; count < 40; count += 1) {
      await page.keyboard.press('Tab');
      const text = await page.evaluate(() => document.activeElement?.textContent?.trim());
      if (text === name) return page.keyboard.press('Enter');
    }
    throw new Error(`${name} can't be reached by the keyboard`);
  }

  // Without a session, the root shows the sign-in and no name of a deployment.
  await page.goto(url);
  assert.equal(page.url(), `${url}/deployments`);
  await page.getByRole('dialog').waitFor();
  assert.ok(!(await page.content()).includes('demo.mybentocloud'));
  await page.getByLabel('Token', { exact: true }).fill(token);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Deployments', level: 1 }).waitFor();
  await look('list');

  await press('demo');
  await page.getByRole('heading', { name: 'demo', level: 1 }).waitFor();
  assert.ok((await page.textContent('dl')).includes('http://demo.mybentocloud.localhost:'));
  assert.equal(await page.getByText('Protected', { exact: true }).count(), 1);
  assert.equal(await page.locator('pre').count(), 3);
  await look('one');

  const stranger = async () => (await call(`${url}/apps/demo/schema.json`, 'made-up')).status;
  assert.equal(await stranger(), 401);
  await press('Make it public');
  await page.getByText('Everybody may call it').waitFor();
  assert.equal(await stranger(), 200, 'a credential is not looked at');
  await look('public');
  await press('Protect it');
  await page.getByText('Callers need a token').waitFor();
  assert.equal(await stranger(), 401);

  // The tab of the deployment's tokens, and the snippets of a token created there.
  await press('API Tokens');
  await page.getByText('Tokens that can be used for').waitFor();
  assert.equal(page.url(), `${url}/deployments/demo/api_tokens`);
  await page.getByRole('button', { name: 'Create token' }).click();
  assert.equal(await page.getByLabel('Targets').inputValue(), 'demo');
  await page.getByText('it gets nothing of the cluster').waitFor();
  await page.getByLabel('Name', { exact: true }).fill('of demo');
  await page.getByLabel('deployment', { exact: true }).check();
  await page.locator('#edit').getByRole('button', { name: 'Create token' }).click();
  await page.getByLabel('curl', { exact: true }).waitFor();
  const lines = await page.locator('#secret textarea').evaluateAll((areas) => areas.map((area) => area.value));
  assert.equal(lines.length, 4, 'the token, curl, Python and gRPC; it may not log in');
  assert.ok(lines[1].includes('http://demo.mybentocloud.localhost'), lines[1]);
  await page.getByRole('button', { name: 'Done' }).click();
  await page.getByRole('button', { name: 'of demo' }).waitFor();

  await page.getByRole('link', { name: 'demo', exact: true }).click();
  await page.getByRole('heading', { name: 'demo', level: 1 }).waitFor();
  assert.equal(page.url(), `${url}/deployments/demo`);

  // An unknown name.
  const answer = await page.goto(`${url}/deployments/nowhere`);
  assert.equal(answer.status(), 404);
  await page.getByRole('heading', { name: 'No such deployment' }).waitFor();
  await look('nowhere');
}, /status of 40[14]/);
