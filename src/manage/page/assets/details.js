// @ts-check
/** The dialogs of one token: its details, and the operations on it. */

import { tokenPath } from './client.js';
import * as form from './form.js';
import { refresh, showFailure } from './list.js';
import { openSecret } from './secret.js';
import { callSignedIn, session } from './session.js';
import { $, momentOf, title, tokenDetails } from './view.js';

/** The token in the dialog. @type {any} */
export let token = null;

/** The operation to confirm. @type {'revoke' | 'rotate' | 'suspend'} */
let operation = 'revoke';

export async function openDetails(id) {
  try {
    showDetails(await callSignedIn('GET', tokenPath(id)), '');
  } catch (problem) {
    if ($('details').open) $('details-error').textContent = problem.message;
    else showFailure(problem, () => openDetails(id));
    return;
  }
  if (!$('details').open) $('details').showModal();
  $('details-title').focus();
}

/**
 * @param {any} shown
 * @param {string} message the result of an operation
 */
function showDetails(shown, message) {
  token = shown;
  $('details-title').textContent = title(token);
  $('details').querySelector('dl').replaceChildren(...tokenDetails(token));
  $('done').textContent = message;
  $('details-error').textContent = '';
  const isLive = token.state !== 'revoked' && token.state !== 'expired';
  const allowed = {
    edit: isLive,
    rotate: token.state === 'active' && !token.rotated_to,
    suspend: isLive && token.state !== 'suspended',
    resume: token.state === 'suspended',
    revoke: token.state !== 'revoked',
  };
  for (const [name, isAllowed] of Object.entries(allowed)) $('details').querySelector(`[data-operation=${name}]`).hidden = !isAllowed;
  $('details').querySelector('.actions').hidden = !Object.values(allowed).includes(true);
}

/** Shows the result of an operation. */
function showChanged(changed, message) {
  showDetails(changed, message);
  $('details-title').focus();
  return refresh();
}

const CONFIRM = {
  revoke: {
    action: 'Revoke token',
    text: 'The token stops working immediately and permanently, and so do the programs that use it.',
  },
  rotate: {
    action: 'Rotate token',
    text: 'A new token with the same rights replaces this one. Its secret is shown next.',
  },
  suspend: {
    action: 'Suspend token',
    text: 'The token does not work until you resume it.',
  },
};

/** Starts an operation. */
export async function start(name) {
  if (name === 'edit') return form.openEdit(token);
  if (name === 'resume') return resume();
  operation = /** @type {typeof operation} */ (name);
  const dialog = $('confirm');
  const { action, text } = CONFIRM[operation];
  dialog.querySelector('form').reset();
  $('confirm-title').textContent = `${action.replace(' token', '')} “${title(token)}”?`;
  $('confirm-text').textContent = text;
  $('confirm-own').hidden = session.caller.token_id !== token.id;
  for (const field of dialog.querySelectorAll('[data-for]')) field.hidden = field.dataset.for !== name;
  dialog.querySelector('.error').textContent = '';
  const button = dialog.querySelector('.main');
  button.textContent = action;
  button.classList.toggle('danger', name === 'revoke');
  dialog.showModal();
}

async function resume() {
  try {
    await showChanged(await callSignedIn('POST', tokenPath(token.id, 'resume')), 'Resumed.');
  } catch (problem) {
    $('details-error').textContent = problem.message;
  }
}

/** Runs the confirmed operation. */
export async function submitConfirm() {
  const bodies = {
    revoke: { reason: $('reason').value.trim() },
    rotate: { grace_seconds: Number($('grace').value) },
    suspend: undefined,
  };
  let answer;
  try {
    answer = await callSignedIn('POST', tokenPath(token.id, operation), bodies[operation]);
  } catch (problem) {
    $('confirm').querySelector('.error').textContent = problem.message;
    return;
  }
  $('confirm').close();
  if (operation !== 'rotate') return showChanged(answer, operation === 'revoke' ? 'Revoked.' : 'Suspended.');
  const { secret: _, ...rotated } = answer;
  showDetails(rotated, '');
  const grace = $('grace').selectedOptions[0];
  const note = grace.value === '0' ? 'The old token no longer works.' : `The old token stays valid for ${grace.text}.`;
  await openSecret('Token rotated', answer, note);
}

/** Creates or updates the token of the form. */
export async function submitForm() {
  const values = form.values();
  const fault = form.validate(values);
  if (fault) return form.showError(fault[0], fault[1]);
  const id = form.editedId();
  let answer;
  try {
    answer = await (id ? callSignedIn('PATCH', tokenPath(id), values) : callSignedIn('POST', 'api/tokens', values));
  } catch (problem) {
    const { field, message } = problem;
    return form.showError(field, message);
  }
  $('edit').close();
  if (id) return showChanged(answer, 'Saved.');
  const note = answer.expires_at ? `It expires on ${momentOf(answer.expires_at)}.` : 'It never expires.';
  await openSecret('Token created', answer, note);
}
