// @ts-check
/** The form that creates or edits a token. */

import { $, dayOf, el, momentOf, title } from './view.js';

const DAY = 86_400_000;
const DAYS = [7, 30, 60, 90];

const dialog = $('edit');
const fields = ['name', 'description', 'scopes', 'targets', 'expires_at'];
const splitWords = (text) => text.split(/[\s,]+/).filter(Boolean);

/** The token to edit, or null for a new one. @type {any} */
let token = null;

/**
 * Opens the form for a new token.
 * @param {any} session the session, which limits the rights of the token
 * @param {string} target the page's target, or an empty string
 */
export function openNew(session, target) {
  const { caller, known_scopes } = session;
  const isOwn = (scope) => caller.scopes.some((has) => scope === has || scope.startsWith(`${has}:`));
  const scopes = new Set([...(known_scopes ?? []).filter(isOwn), ...caller.scopes]);
  token = null;
  open({
    heading: 'Create a token',
    action: 'Create token',
    scopes: [...scopes].sort(),
    targets: target ? [target] : (caller.targets ?? []),
    latest: caller.expires_at,
  });
}

/** Opens the form for a token, which can only be narrowed. */
export function openEdit(edited) {
  token = edited;
  open({
    heading: `Edit “${title(token)}”`,
    action: 'Save',
    scopes: token.scopes,
    targets: token.targets ?? [],
    latest: token.expires_at,
  });
}

function open({ heading, action, scopes, targets, latest }) {
  dialog.querySelector('form').reset();
  clearErrors();
  $('edit-title').textContent = heading;
  $('edit-note').hidden = token === null;
  dialog.querySelector('.main').textContent = action;
  $('name').value = token?.name ?? '';
  $('description').value = token?.description ?? '';
  $('scopes').querySelector('.choices').replaceChildren(...scopes.map(scopeBox));
  $('targets').value = targets.join(' ');
  showExpiryOptions(latest);
  dialog.showModal();
  $('name').focus();
}

function scopeBox(scope) {
  const box = /** @type {HTMLInputElement} */ (el('input', { type: 'checkbox', value: scope }));
  box.checked = token !== null;
  return el('label', {}, box, el('code', {}, scope));
}

/**
 * Shows only options that the server would accept.
 * @param {string | null} latest the latest allowed expiry
 */
function showExpiryOptions(latest) {
  const isAllowed = (days) => !latest || Date.now() + days * DAY < Date.parse(latest);
  const days = DAYS.filter(isAllowed).map((days) => [String(days), `In ${days} days`]);
  const limit = latest ? dayOf(latest) : 'never';
  const first = token ? [['keep', `Unchanged: ${limit}`]] : latest ? [['latest', `With your own token: ${limit}`]] : [];
  const never = token || latest ? [] : [['never', 'Never']];
  const all = [...first, ...days, ['date', 'On a date'], ...never];
  $('expires_at').replaceChildren(...all.map(([value, text]) => el('option', { value }, text)));
  $('expires_at').value = first[0]?.[0] ?? String(DAYS.at(-1));
  $('expires_at').dataset.latest = latest ?? '';
  $('date').min = localDay(Date.now());
  $('date').max = latest ? localDay(Date.parse(latest)) : '';
  showExpiry();
}

/** Formats a local day for a date field. */
function localDay(at) {
  const date = new Date(at);
  return new Date(at - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 10);
}

/** The chosen expiry: null for never, undefined for unchanged. */
function chosenExpiry() {
  const { value, dataset } = $('expires_at');
  if (value === 'keep') return undefined;
  if (value === 'never') return null;
  if (value === 'latest') return dataset.latest;
  if (value === 'date') return $('date').value && endOfDay($('date').value, dataset.latest);
  return new Date(Date.now() + Number(value) * DAY).toISOString();
}

/** The end of a local day, or the latest allowed expiry before it. */
function endOfDay(day, latest) {
  const end = new Date(`${day}T23:59:59`);
  return latest && end > new Date(latest) ? latest : end.toISOString();
}

function showExpiry() {
  const { value } = $('expires_at');
  const onDate = value === 'date';
  $('date').hidden = !onDate;
  $('date').required = onDate;
  const expiry = chosenExpiry();
  $('expires-hint').textContent =
    expiry === null ? 'A token that never expires stays valid until it is revoked, even if it leaks.'
    : expiry ? `The token expires on ${momentOf(expiry)}.`
    : '';
  $('expires-hint').classList.toggle('warning', expiry === null);
}

/** The id of the token to edit, or undefined for a new one. */
export const editedId = () => token?.id;

/** The values of the form, as the server expects them. */
export function values() {
  const boxes = [...$('scopes').querySelectorAll(':checked')].map((box) => box.value);
  const targets = splitWords($('targets').value);
  const all = {
    name: $('name').value.trim(),
    description: $('description').value.trim(),
    scopes: [...boxes, ...splitWords($('other-scopes').value)],
    targets: targets.length || token?.targets ? targets : undefined,
    expires_at: chosenExpiry(),
  };
  return token ? changedValues(all) : all;
}

/** The values that differ from the token's. */
function changedValues(all) {
  const isSame = (name) => String(all[name]) === String(token[name]);
  return Object.fromEntries(Object.entries(all).filter(([name]) => !isSame(name)));
}

/** Checks values before they are sent. Returns a field and a message, or null. */
export function validate(values) {
  return values.scopes?.length === 0 ? ['scopes', 'Choose at least one scope. A token without scopes has no rights.'] : null;
}

/** Shows an error beside its field, or below all fields. */
export function showError(field, text) {
  clearErrors();
  if (!field || !fields.includes(field)) {
    $('edit-error').textContent = text;
    return;
  }
  $(`${field}-error`).textContent = text;
  $(field).setAttribute('aria-invalid', 'true');
  $(field).focus();
}

function clearErrors() {
  for (const field of fields) {
    $(`${field}-error`).textContent = '';
    $(field).removeAttribute('aria-invalid');
  }
  $('edit-error').textContent = '';
}

$('expires_at').addEventListener('change', showExpiry);
$('date').addEventListener('change', showExpiry);
