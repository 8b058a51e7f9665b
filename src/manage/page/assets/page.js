// @ts-check
/** The page: who is signed in, the list of tokens, and what is done to them. */

import { call, home, listed, path, Problem, signIn } from './client.js';
import * as form from './form.js';
import { $, el, facts, momentOf, row, title } from './view.js';

const PAGE = 50;
const PAGE_MAX = 200;

const target = document.body.dataset.target ?? '';
/** Whether this is the sign-in before another page, which then takes its place. */
const before = document.body.dataset.next === 'reload';

/** What the server says of who is signed in. @type {any} */
let session = null;
/** The token whose details are open. @type {any} */
let shown = null;
/** What is done once it is confirmed. @type {'revoke' | 'rotate' | 'suspend'} */
let pending = 'revoke';
/** Where the next page of the list begins. @type {string | null} */
let cursor = null;
/** Counts lists that were asked for: an answer that was overtaken is dropped. */
let turn = 0;

/**
 * Calls a route. Where nobody is signed in any more, what was typed stays, and
 * the sign-in is put before it.
 * @param {Parameters<typeof call>} request
 */
async function ask(...request) {
  try {
    return await call(...request);
  } catch (problem) {
    if (problem instanceof Problem && problem.status === 401) {
      leave('Your session has ended. Sign in to go on.');
      throw new Problem(401, 'nothing was changed: your session had ended');
    }
    throw problem;
  }
}

/* Signing in and out */

async function start() {
  try {
    session = await call('GET', 'session');
  } catch (problem) {
    return fail(problem, start);
  }
  $('ways').hidden = !session.users;
  return session.caller && !before ? enter() : leave('');
}

function enter() {
  // The same address: where one goes is never taken from it.
  if (before) return location.reload();
  $('who').replaceChildren('Signed in as ', el('strong', { class: 'data' }, session.caller.subject));
  show(true);
  return refresh();
}

/** Shows what is for those who are signed in. */
function show(signedIn) {
  for (const id of ['sign-out', 'create', 'filters']) $(id).hidden = !signedIn;
}

/** Shows the sign-in, and nothing of any token. */
function leave(reason) {
  // It may be what one signs in with next.
  if ($('secret').open) return $('secret').addEventListener('close', () => leave(reason), { once: true });
  session.caller = null;
  turn += 1;
  show(false);
  $('who').replaceChildren();
  $('list').tBodies[0].replaceChildren();
  for (const id of ['list', 'more', 'empty', 'failed']) $(id).hidden = true;
  $('count').textContent = '';
  for (const id of ['details', 'confirm']) $(id).close();
  const dialog = $('sign-in');
  dialog.querySelector('.reason').textContent = reason;
  dialog.querySelector('.error').textContent = '';
  if (!dialog.open) dialog.showModal();
  showWay();
}

function way() {
  return $('ways').hidden ? 'token' : $('ways').querySelector(':checked').value;
}

function showWay() {
  const chosen = way();
  for (const name of ['token', 'user']) {
    $(`way-${name}`).hidden = name !== chosen;
    for (const input of $(`way-${name}`).querySelectorAll('input')) input.disabled = name !== chosen;
  }
  $(chosen).focus();
}

/** What stands in `Authorization` for what was typed. */
function credential() {
  if (way() === 'user') {
    const login = new TextEncoder().encode(`${$('user').value}:${$('password').value}`);
    return `Basic ${btoa(String.fromCharCode(...login))}`;
  }
  const token = $('token').value.trim();
  // Nothing else can stand in a header.
  if (!/^[\x21-\x7e]+$/.test(token)) throw new Problem(0, 'that is not a token');
  return `Bearer ${token}`;
}

async function submitSignIn() {
  const dialog = $('sign-in');
  try {
    session = await signIn(credential());
    const kept = await call('GET', 'session');
    if (!kept.caller) throw new Problem(0, 'this page needs HTTPS: the browser did not keep its cookie');
  } catch (problem) {
    dialog.querySelector('.error').textContent = signInFault(problem);
    $(way() === 'user' ? 'password' : 'token').select();
    return;
  }
  for (const id of ['token', 'password']) $(id).value = '';
  dialog.close();
  await enter();
}

function signInFault(problem) {
  if (problem.status === 401) {
    return way() === 'user' ? 'The user or the password is not right.' : 'This token is not good. It may have ended or been revoked.';
  }
  return problem.status === 403 ? 'Signed in, but without the right to manage tokens.' : problem.message;
}

async function signOut() {
  try {
    await call('DELETE', 'session');
  } catch (problem) {
    return fail(problem, signOut);
  }
  leave('You are signed out.');
}

/* The list */

/** Lists anew as many tokens as are shown. */
function refresh() {
  return load(null, Math.min(PAGE_MAX, Math.max(PAGE, $('list').tBodies[0].rows.length)));
}

/**
 * @param {string | null} after the place in the list, or its beginning
 * @param {number} limit
 */
async function load(after, limit) {
  const mine = ++turn;
  const filter = { search: $('search').value.trim(), state: $('state').value, target, limit };
  let page = { items: [], next_cursor: after };
  try {
    // A page of a target's tokens may hold none, and be followed by others.
    do page = await ask('GET', listed({ ...filter, cursor: page.next_cursor }));
    while (!page.items.length && page.next_cursor);
  } catch (problem) {
    if (mine === turn) fail(problem, refresh);
    return;
  }
  if (mine === turn) showPage(page, after !== null, Boolean(filter.search || filter.state));
}

/**
 * @param {{items: any[], next_cursor: string | null}} page
 * @param {boolean} more whether it follows what is shown
 * @param {boolean} filtered
 */
function showPage(page, more, filtered) {
  const body = $('list').tBodies[0];
  const rows = page.items.map(row);
  const focused = body.contains(document.activeElement) && document.activeElement?.getAttribute('data-id');
  if (more) body.append(...rows);
  else body.replaceChildren(...rows);
  if (focused) focusRow(focused);
  cursor = page.next_cursor;
  const count = body.rows.length;
  $('failed').hidden = true;
  $('list').hidden = count === 0;
  $('empty').hidden = count > 0;
  $('more').hidden = cursor === null;
  $('count').textContent = `${count}${cursor === null ? '' : ' or more'} ${count === 1 ? 'token' : 'tokens'}`;
  $('empty').querySelector('h2').textContent = filtered ? 'No token matches' : 'No tokens yet';
  $('empty').querySelector('p').textContent = filtered ? 'Search for something else, or for any state.' : 'Create one for each program that calls: it can then be revoked by itself.';
  if (more) rows[0]?.querySelector('button')?.focus();
}

function fail(problem, again) {
  $('failed').querySelector('p').textContent = problem.message;
  $('again').onclick = () => {
    $('failed').hidden = true;
    again();
  };
  $('failed').hidden = false;
}

/* One token */

async function openDetails(id) {
  try {
    showDetails(await ask('GET', path(id)), '');
  } catch (problem) {
    if ($('details').open) $('details-error').textContent = problem.message;
    else fail(problem, () => openDetails(id));
    return;
  }
  if (!$('details').open) $('details').showModal();
  $('details-title').focus();
}

/**
 * @param {any} token
 * @param {string} done what was done to it
 */
function showDetails(token, done) {
  shown = token;
  $('details-title').textContent = title(token);
  $('details').querySelector('dl').replaceChildren(...facts(token));
  $('done').textContent = done;
  $('details-error').textContent = '';
  const live = token.state !== 'revoked' && token.state !== 'expired';
  const offered = {
    edit: live,
    rotate: token.state === 'active' && !token.rotated_to,
    suspend: live && token.state !== 'suspended',
    resume: token.state === 'suspended',
    revoke: token.state !== 'revoked',
  };
  for (const [act, offer] of Object.entries(offered)) $('details').querySelector(`[data-act=${act}]`).hidden = !offer;
  $('details').querySelector('.actions').hidden = !Object.values(offered).includes(true);
}

/** After something was done. */
function changed(token, done) {
  showDetails(token, done);
  $('details-title').focus();
  return refresh();
}

const CONFIRM = {
  revoke: {
    action: 'Revoke token',
    text: 'It is refused from now on, for good. What uses it stops working.',
  },
  rotate: {
    action: 'Rotate token',
    text: 'Another token with the same rights takes its place. Its secret is shown next.',
  },
  suspend: {
    action: 'Suspend token',
    text: 'It is refused until it is resumed.',
  },
};

async function act(act) {
  if (act === 'edit') return form.openEdit(shown);
  if (act === 'resume') return resume();
  pending = /** @type {typeof pending} */ (act);
  const dialog = $('confirm');
  const { action, text } = CONFIRM[pending];
  dialog.querySelector('form').reset();
  $('confirm-title').textContent = `${action.replace(' token', '')} “${title(shown)}”?`;
  $('confirm-text').textContent = text;
  $('confirm-own').hidden = session.caller.token_id !== shown.id;
  for (const field of dialog.querySelectorAll('[data-for]')) field.hidden = field.dataset.for !== act;
  dialog.querySelector('.error').textContent = '';
  const button = dialog.querySelector('.main');
  button.textContent = action;
  button.classList.toggle('danger', act === 'revoke');
  dialog.showModal();
}

async function resume() {
  try {
    await changed(await ask('POST', path(shown.id, 'resume')), 'Resumed.');
  } catch (problem) {
    $('details-error').textContent = problem.message;
  }
}

async function submitConfirm() {
  const bodies = {
    revoke: { reason: $('reason').value.trim() },
    rotate: { grace_seconds: Number($('grace').value) },
    suspend: undefined,
  };
  let answer;
  try {
    answer = await ask('POST', path(shown.id, pending), bodies[pending]);
  } catch (problem) {
    $('confirm').querySelector('.error').textContent = problem.message;
    return;
  }
  $('confirm').close();
  if (pending !== 'rotate') return changed(answer, pending === 'revoke' ? 'Revoked.' : 'Suspended.');
  const { secret: _, ...token } = answer;
  showDetails(token, '');
  const grace = $('grace').selectedOptions[0];
  const old = grace.value === '0' ? 'The old one is refused from now on.' : `The old one stays good for ${grace.text}.`;
  await openSecret('Token rotated', answer, old);
}

async function submitEdit() {
  const draft = form.draft();
  const fault = form.fault(draft);
  if (fault) return form.show(fault[0], fault[1]);
  const id = form.edited();
  let answer;
  try {
    answer = await (id ? ask('PATCH', path(id), draft) : ask('POST', 'api/tokens', draft));
  } catch (problem) {
    const { field, message } = problem;
    return form.show(field, message);
  }
  $('edit').close();
  if (id) return changed(answer, 'Saved.');
  const end = answer.expires_at ? `It ends on ${momentOf(answer.expires_at)}.` : 'It never expires.';
  await openSecret('Token created', answer, end);
}

/* The secret, once */

/** The page's origin, as a text for a shell: a browser takes `$(…)` for a host. */
function origin() {
  return /^https?:[\w.:/[\]-]+$/.test(location.origin) ? location.origin : `${location.protocol}//HOST`;
}

/** Without its lines the token is still shown: there is no other time. */
async function openSecret(heading, { id, secret }, note) {
  const fill = (template) => template.replaceAll('{origin}', origin()).replaceAll('{token}', secret);
  const query = target ? `?${new URLSearchParams({ target })}` : '';
  const snippets = await call('GET', `${path(id, 'snippets')}${query}`).catch(() => []);
  const lines = snippets.map(([label, template]) => copyable(label, fill(template)));
  $('secret-title').textContent = heading;
  $('secret-note').textContent = note;
  $('secret-texts').replaceChildren(copyable('Token', secret), ...lines);
  $('copied').textContent = '';
  $('secret').showModal();
}

/** A text with a button that copies it. */
function copyable(label, text) {
  const area = /** @type {HTMLTextAreaElement} */ (el('textarea', { 'aria-label': label, readonly: '', class: 'code' }));
  area.value = text;
  const button = el('button', { type: 'button', 'aria-label': `Copy: ${label}` }, 'Copy');
  button.addEventListener('click', () => copy(label, area));
  return el('div', { class: 'copyable' }, el('span', {}, label), button, area);
}

async function copy(label, area) {
  try {
    await navigator.clipboard.writeText(area.value);
    $('copied').textContent = `Copied: ${label}.`;
  } catch {
    // Not allowed, or not over HTTPS.
    area.select();
    $('copied').textContent = 'This browser lets you copy only by hand: the text is selected.';
  }
}

/** The secret leaves the page with its dialog. */
function closeSecret() {
  $('secret-texts').replaceChildren();
  return refresh();
}

/* What is pressed */

function onSubmit(form, action) {
  const button = /** @type {HTMLButtonElement} */ (form.querySelector('.main'));
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      await action();
    } finally {
      button.disabled = false;
    }
  });
}

/** Goes to a token's row, which may have been made anew, or may be there no more. */
function focusRow(id) {
  const button = document.querySelector(`tbody [data-id="${id}"]`) ?? document.querySelector('h1');
  /** @type {HTMLElement} */ (button).focus();
}

onSubmit($('sign-in').querySelector('form'), submitSignIn);
onSubmit($('edit').querySelector('form'), submitEdit);
onSubmit($('confirm').querySelector('form'), submitConfirm);
$('ways').addEventListener('change', showWay);
// Some browsers let Escape close any dialog.
$('sign-in').addEventListener('close', () => session.caller || leave(''));
$('sign-out').addEventListener('click', signOut);
$('secret').addEventListener('close', closeSecret);
$('details').addEventListener('close', () => focusRow(shown.id));
$('create').addEventListener('click', () => form.openNew(session, target));
$('more').addEventListener('click', () => load(cursor, PAGE));
$('state').addEventListener('change', refresh);
let typing = 0;
$('search').addEventListener('input', () => {
  clearTimeout(typing);
  typing = setTimeout(refresh, 200);
});
document.addEventListener('click', (event) => {
  const button = /** @type {HTMLElement} */ (event.target).closest('button');
  if (!button) return;
  if ('close' in button.dataset) button.closest('dialog')?.close();
  if (button.dataset.id) openDetails(button.dataset.id);
  if (button.dataset.act) act(button.dataset.act);
});

if (target) {
  $('about-target').querySelector('strong').textContent = target;
  $('all').href = home;
  $('about-target').hidden = false;
}
start();
