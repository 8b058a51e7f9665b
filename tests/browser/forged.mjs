// Pages of other origins can't act for the person who is signed in, although the
// browser sends the cookie: another port of a host is the same site.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { call, run, signIn } from './browser.mjs';

const [url, token] = process.argv.slice(2);

const other = createServer((_, response) => {
  response.setHeader('Content-Type', 'text/html');
  response.end('<!doctype html><link rel="icon" href="data:,"><form method="post"><button>Win</button></form>');
});
await new Promise((resolve) => other.listen(0, '127.0.0.1', resolve));
const { port } = other.address();

await run(async (context) => {
  const { body: made } = await call(`${url}/manage/tokens`, token, 'POST', { name: 'victim', scopes: ['deployment'] });
  const suspend = `${url}/api_tokens/api/tokens/${made.id}/suspend`;
  const state = async () => (await call(`${url}/manage/tokens/${made.id}`, token)).body.state;

  const page = await context.newPage();
  await page.goto(`${url}/api_tokens`);
  await signIn(page, token);

  for (const origin of [`http://127.0.0.1:${port}`, `http://localhost:${port}`]) {
    const foreign = await context.newPage();
    await foreign.goto(origin);
    await foreign.evaluate((action) => fetch(action, { method: 'POST', mode: 'no-cors', credentials: 'include' }).catch(() => 0), suspend);
    assert.equal(await state(), 'active', origin);

    for (const path of [`api/tokens/${made.id}/suspend`, 'api/tokens', 'session']) {
      await foreign.goto(origin);
      const action = `${url}/api_tokens/${path}`;
      await foreign.evaluate((action) => { document.forms[0].action = action; }, action);
      const answer = foreign.waitForResponse(action);
      await foreign.getByRole('button', { name: 'Win' }).click();
      assert.equal((await answer).status(), 403, `${origin} ${path}`);
      await foreign.getByText('the request comes from a page of another site').waitFor();
    }
    assert.equal(await state(), 'active', origin);

    // They can't read the responses either.
    await foreign.goto(origin);
    const read = await foreign.evaluate((route) => fetch(route, { credentials: 'include' }).then(() => 'read', () => 'refused'), `${url}/api_tokens/api/tokens`);
    assert.equal(read, 'refused', origin);
  }

  const own = await page.evaluate((action) => fetch(action, { method: 'POST' }).then(({ status }) => status), suspend);
  assert.equal(own, 200);
  assert.equal(await state(), 'suspended');
}, /status of 403|CORS policy|net::ERR_FAILED|ERR_BLOCKED_BY_RESPONSE/);
other.close();
