// @ts-check
/** The form that makes a token, or narrows one. */

import { $, dayOf, el, momentOf, title } from './view.js';

const DAY = 86_400_000;
const DAYS = [7, 30, 60, 90];

const dialog = $('edit');
const fields = ['name', 'description', 'scopes', 'targets', 'expires_at'];
const words = (text) => text.split(/[\s,]+/).filter(Boolean);

/** The token that is changed, where none is made. @type {any} */
let token = null;

/**
 * Opens it to make a token.
 * @param {any} session whose rights are the most that a token gets
 * @param {string} target the page's, where it has one
 */
export function openNew(session, target) {
  const { caller, known_scopes } = session;
  const own = (scope) => caller.scopes.some((has) => scope === has || scope.startsWith(`${has}:`));
  const offered = new Set([...(known_scopes ?? []).filter(own), ...caller.scopes]);
  token = null;
  open({
    heading: 'Create a token',
    action: 'Create token',
    scopes: [...offered].sort(),
    targets: target ? [target] : (caller.targets ?? []),
    last: caller.expires_at,
  });
}

/** Opens it to narrow a token. */
export function openEdit(changed) {
  token = changed;
  open({
    heading: `Edit “${title(token)}”`,
    action: 'Save',
    scopes: token.scopes,
    targets: token.targets ?? [],
    last: token.expires_at,
  });
}

function open({ heading, action, scopes, targets, last }) {
  dialog.querySelector('form').reset();
  clear();
  $('edit-title').textContent = heading;
  $('edit-note').hidden = token === null;
  dialog.querySelector('.main').textContent = action;
  $('name').value = token?.name ?? '';
  $('description').value = token?.description ?? '';
  $('scopes').querySelector('.choices').replaceChildren(...scopes.map(choice));
  $('targets').value = targets.join(' ');
  offerEnds(last);
  dialog.showModal();
  $('name').focus();
}

function choice(scope) {
  const box = /** @type {HTMLInputElement} */ (el('input', { type: 'checkbox', value: scope }));
  box.checked = token !== null;
  return el('label', {}, box, el('code', {}, scope));
}

/**
 * Offers no end that would be refused.
 * @param {string | null} last the latest end that there may be
 */
function offerEnds(last) {
  const before = (days) => !last || Date.now() + days * DAY < Date.parse(last);
  const days = DAYS.filter(before).map((days) => [String(days), `In ${days} days`]);
  const ends = last ? dayOf(last) : 'never';
  const kept = token ? [['keep', `As it is: ${ends}`]] : last ? [['last', `With your own token: ${ends}`]] : [];
  const never = token || last ? [] : [['never', 'Never']];
  const all = [...kept, ...days, ['date', 'On a date'], ...never];
  $('expires_at').replaceChildren(...all.map(([value, text]) => el('option', { value }, text)));
  $('expires_at').value = kept[0]?.[0] ?? String(DAYS.at(-1));
  $('expires_at').dataset.last = last ?? '';
  $('date').min = localDay(Date.now());
  $('date').max = last ? localDay(Date.parse(last)) : '';
  showEnd();
}

/** A day as a date field has it, where the user is. */
function localDay(at) {
  const date = new Date(at);
  return new Date(at - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 10);
}

/** The end that is chosen: null is never, and nothing is no change. */
function chosenEnd() {
  const { value, dataset } = $('expires_at');
  if (value === 'keep') return undefined;
  if (value === 'never') return null;
  if (value === 'last') return dataset.last;
  if (value === 'date') return $('date').value && endOf($('date').value, dataset.last);
  return new Date(Date.now() + Number(value) * DAY).toISOString();
}

/** The end of a day, where the user is, or the last end that there may be. */
function endOf(day, last) {
  const end = new Date(`${day}T23:59:59`);
  return last && end > new Date(last) ? last : end.toISOString();
}

function showEnd() {
  const { value } = $('expires_at');
  const onDate = value === 'date';
  $('date').hidden = !onDate;
  $('date').required = onDate;
  const end = chosenEnd();
  $('expires-hint').textContent =
    end === null ? 'Without an end it stays good until somebody revokes it. Whoever finds it can use it.'
    : end ? `It ends on ${momentOf(end)}.`
    : '';
  $('expires-hint').classList.toggle('warning', end === null);
}

/** The token that is changed, where none is made. */
export const edited = () => token?.id;

/** What is asked for, as the route wants it. */
export function draft() {
  const boxes = [...$('scopes').querySelectorAll(':checked')].map((box) => box.value);
  const targets = words($('targets').value);
  const wanted = {
    name: $('name').value.trim(),
    description: $('description').value.trim(),
    scopes: [...boxes, ...words($('other-scopes').value)],
    targets: targets.length || token?.targets ? targets : undefined,
    expires_at: chosenEnd(),
  };
  return token ? changes(wanted) : wanted;
}

/** Only what was changed. */
function changes(wanted) {
  const same = (name) => String(wanted[name]) === String(token[name]);
  return Object.fromEntries(Object.entries(wanted).filter(([name]) => !same(name)));
}

/** What is wrong before it is asked for, as a field and a sentence. */
export function fault(wanted) {
  return wanted.scopes?.length === 0 ? ['scopes', 'Choose at least one: without a scope a token can do nothing.'] : null;
}

/** Says what is wrong beside the field, or below all of them. */
export function show(field, text) {
  clear();
  if (!field || !fields.includes(field)) {
    $('edit-error').textContent = text;
    return;
  }
  $(`${field}-error`).textContent = text;
  $(field).setAttribute('aria-invalid', 'true');
  $(field).focus();
}

function clear() {
  for (const field of fields) {
    $(`${field}-error`).textContent = '';
    $(field).removeAttribute('aria-invalid');
  }
  $('edit-error').textContent = '';
}

$('expires_at').addEventListener('change', showEnd);
$('date').addEventListener('change', showEnd);
