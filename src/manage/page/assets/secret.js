// @ts-check
/** The dialog that shows the secret of a new token, once. */

import { call, tokenPath } from './client.js';
import { target } from './list.js';
import { $, el } from './view.js';

/** The page's origin. Browsers accept a host such as `$(…)`, which a shell would run. */
function safeOrigin() {
  return /^https?:[\w.:/[\]-]+$/.test(location.origin) ? location.origin : `${location.protocol}//HOST`;
}

/** Shows a secret. If the snippets can't be loaded, the secret is shown without them. */
export async function openSecret(heading, { id, secret }, note) {
  const fill = (template) => template.replaceAll('{origin}', safeOrigin()).replaceAll('{token}', secret);
  const query = target ? `?${new URLSearchParams({ target })}` : '';
  const snippets = await call('GET', `${tokenPath(id, 'snippets')}${query}`).catch(() => []);
  const fields = snippets.map(([label, template]) => copyField(label, fill(template)));
  $('secret-title').textContent = heading;
  $('secret-note').textContent = note;
  $('secret-texts').replaceChildren(copyField('Token', secret), ...fields);
  $('copied').textContent = '';
  $('secret').showModal();
}

/** Removes the secret from the page. */
export function clearSecret() {
  $('secret-texts').replaceChildren();
}

/** A text with a button that copies it. */
function copyField(label, text) {
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
    // The clipboard needs a permission, and HTTPS.
    area.select();
    $('copied').textContent = 'The browser did not allow copying. The text is selected: copy it yourself.';
  }
}
