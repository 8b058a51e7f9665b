// @ts-check
/** The page: signing in and out, and the handlers of its controls. */

import { call, home, Problem, signIn } from './client.js';
import * as details from './details.js';
import * as form from './form.js';
import { clearList, focusRow, loadMore, refresh, showFailure, target } from './list.js';
import { clearSecret } from './secret.js';
import { onSessionEnd, session, setSession } from './session.js';
import { $, el } from './view.js';

/** Whether this is the sign-in to another page, which the browser then loads. */
const reloadsAfterSignIn = document.body.dataset.next === 'reload';

/* Signing in and out */

async function start() {
  try {
    setSession(await call('GET', 'session'));
  } catch (problem) {
    return showFailure(problem, start);
  }
  $('methods').hidden = !session.users;
  return session.caller && !reloadsAfterSignIn ? showTokens() : showSignIn('');
}

function showTokens() {
  // The address stays the same: no request can choose another one.
  if (reloadsAfterSignIn) return location.reload();
  $('caller').replaceChildren('Signed in as ', el('strong', { class: 'data' }, session.caller.subject));
  toggleControls(true);
  return refresh();
}

function toggleControls(isSignedIn) {
  for (const id of ['sign-out', 'create', 'filters']) $(id).hidden = !isSignedIn;
}

/** Shows the sign-in, and removes every token from the page. */
function showSignIn(reason) {
  // The person may need this secret for the next sign-in.
  if ($('secret').open) return $('secret').addEventListener('close', () => showSignIn(reason), { once: true });
  session.caller = null;
  toggleControls(false);
  $('caller').replaceChildren();
  clearList();
  for (const id of ['details', 'confirm']) $(id).close();
  const dialog = $('sign-in');
  dialog.querySelector('.reason').textContent = reason;
  dialog.querySelector('.error').textContent = '';
  if (!dialog.open) dialog.showModal();
  showMethod();
}

function method() {
  return $('methods').hidden ? 'token' : $('methods').querySelector(':checked').value;
}

function showMethod() {
  const chosen = method();
  for (const name of ['token', 'user']) {
    $(`method-${name}`).hidden = name !== chosen;
    for (const input of $(`method-${name}`).querySelectorAll('input')) input.disabled = name !== chosen;
  }
  $(chosen).focus();
}

/** The `Authorization` header for the values of the form. */
function authorization() {
  if (method() === 'user') {
    const login = new TextEncoder().encode(`${$('user').value}:${$('password').value}`);
    return `Basic ${btoa(String.fromCharCode(...login))}`;
  }
  const token = $('token').value.trim();
  // A header can contain nothing else.
  if (!/^[\x21-\x7e]+$/.test(token)) throw new Problem(0, 'this is not a token');
  return `Bearer ${token}`;
}

async function submitSignIn() {
  const dialog = $('sign-in');
  try {
    setSession(await signIn(authorization()));
    const reread = await call('GET', 'session');
    if (!reread.caller) throw new Problem(0, 'this page needs HTTPS: the browser did not keep its cookie');
  } catch (problem) {
    dialog.querySelector('.error').textContent = signInError(problem);
    $(method() === 'user' ? 'password' : 'token').select();
    return;
  }
  for (const id of ['token', 'password']) $(id).value = '';
  dialog.close();
  await showTokens();
}

function signInError(problem) {
  if (problem.status === 401) {
    return method() === 'user' ? 'Wrong user or password.' : 'This token is not valid. It may have expired or been revoked.';
  }
  return problem.status === 403 ? 'You do not have the right to manage tokens.' : problem.message;
}

async function signOut() {
  try {
    await call('DELETE', 'session');
  } catch (problem) {
    return showFailure(problem, signOut);
  }
  showSignIn('You are signed out.');
}

/* Handlers */

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

function closeSecret() {
  clearSecret();
  return refresh();
}

onSessionEnd(showSignIn);
onSubmit($('sign-in').querySelector('form'), submitSignIn);
onSubmit($('edit').querySelector('form'), details.submitForm);
onSubmit($('confirm').querySelector('form'), details.submitConfirm);
$('methods').addEventListener('change', showMethod);
// Some browsers let Escape close any dialog.
$('sign-in').addEventListener('close', () => session.caller || showSignIn(''));
$('sign-out').addEventListener('click', signOut);
$('secret').addEventListener('close', closeSecret);
$('details').addEventListener('close', () => focusRow(details.token.id));
$('create').addEventListener('click', () => form.openNew(session, target));
$('more').addEventListener('click', loadMore);
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
  if (button.dataset.id) details.openDetails(button.dataset.id);
  if (button.dataset.operation) details.start(button.dataset.operation);
});

if (target) {
  $('about-target').querySelector('strong').textContent = target;
  $('all').href = home;
  $('about-target').hidden = false;
}
start();
