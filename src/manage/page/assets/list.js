// @ts-check
/** The list of tokens, with its filters. */

import { listPath } from './client.js';
import { callSignedIn } from './session.js';
import { $, tokenRow } from './view.js';

const PAGE = 50;
const PAGE_MAX = 200;

/** The target of the page, or an empty string. */
export const target = document.body.dataset.target ?? '';

const body = $('list').tBodies[0];

/** The cursor of the next page. @type {string | null} */
let cursor = null;
/** Counts requests, so that an outdated response is dropped. */
let requests = 0;

/** Loads as many tokens as the list shows now. */
export function refresh() {
  return load(null, Math.min(PAGE_MAX, Math.max(PAGE, body.rows.length)));
}

/** Loads the next page. */
export function loadMore() {
  return load(cursor, PAGE);
}

/** Removes all tokens from the page. */
export function clearList() {
  requests += 1;
  body.replaceChildren();
  for (const id of ['list', 'more', 'empty', 'failure']) $(id).hidden = true;
  $('count').textContent = '';
}

/**
 * @param {string | null} after the cursor to continue from
 * @param {number} limit
 */
async function load(after, limit) {
  const request = ++requests;
  const filter = { search: $('search').value.trim(), state: $('state').value, target, limit };
  let page = { items: [], next_cursor: after };
  try {
    // A page of a target's tokens may be empty although others follow.
    do page = await callSignedIn('GET', listPath({ ...filter, cursor: page.next_cursor }));
    while (!page.items.length && page.next_cursor);
  } catch (problem) {
    if (request === requests) showFailure(problem, refresh);
    return;
  }
  if (request === requests) showPage(page, after !== null, Boolean(filter.search || filter.state));
}

/**
 * @param {{items: any[], next_cursor: string | null}} page
 * @param {boolean} append whether the page continues the list
 * @param {boolean} filtered
 */
function showPage(page, append, filtered) {
  const rows = page.items.map(tokenRow);
  const focused = body.contains(document.activeElement) && document.activeElement?.getAttribute('data-id');
  if (append) body.append(...rows);
  else body.replaceChildren(...rows);
  if (focused) focusRow(focused);
  cursor = page.next_cursor;
  const count = body.rows.length;
  $('failure').hidden = true;
  $('list').hidden = count === 0;
  $('empty').hidden = count > 0;
  $('more').hidden = cursor === null;
  $('count').textContent = `${count}${cursor === null ? '' : ' or more'} ${count === 1 ? 'token' : 'tokens'}`;
  $('empty').querySelector('h2').textContent = filtered ? 'No token matches' : 'No tokens yet';
  $('empty').querySelector('p').textContent = filtered ? 'Change the search or the state.' : 'Create one for each program, so that you can revoke each on its own.';
  if (append) rows[0]?.querySelector('button')?.focus();
}

/** Shows a problem above the list, with a button to try again. */
export function showFailure(problem, retry) {
  $('failure').querySelector('p').textContent = problem.message;
  $('retry').onclick = () => {
    $('failure').hidden = true;
    retry();
  };
  $('failure').hidden = false;
}

/** Focuses a token's row, or the heading if the row is gone. */
export function focusRow(id) {
  const button = document.querySelector(`tbody [data-id="${id}"]`) ?? document.querySelector('h1');
  /** @type {HTMLElement} */ (button).focus();
}
