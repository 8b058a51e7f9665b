// @ts-check
/** Elements for tokens, times and states. Data always become text nodes. */

export const $ = (id) => /** @type {any} */ (document.getElementById(id));

export function el(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const DAY = 86_400_000;
/** Units with their length and the distance from which they are used: 45 days, not 1 month. */
const UNITS = /** @type {const} */ ([
  ['year', 365 * DAY, 730 * DAY],
  ['month', 30 * DAY, 120 * DAY],
  ['day', DAY, DAY],
  ['hour', DAY / 24, DAY / 24],
  ['minute', DAY / 24 / 60, DAY / 24 / 60],
]);
const distance = new Intl.RelativeTimeFormat('en', { numeric: 'always' });
const day = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium' });
const moment = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'long' });

const muted = (content) => el('span', { class: 'muted' }, content);

/** Formats a time relative to now: in 27 days, 2 hours ago. */
function formatRelative(iso) {
  const left = Date.parse(iso) - Date.now();
  const unit = UNITS.find(([, , from]) => Math.abs(left) >= from);
  if (!unit) return left < 0 ? 'just now' : 'in less than a minute';
  const [name, length] = unit;
  return distance.format(Math.round(left / length), name);
}

export const dayOf = (iso) => day.format(new Date(iso));

export const momentOf = (iso) => moment.format(new Date(iso));

/** A time, shown as a day. */
export function dayElement(iso) {
  return el('time', { datetime: iso, title: momentOf(iso) }, dayOf(iso));
}

/** A time, shown relative to now. */
export function relativeElement(iso) {
  return el('time', { datetime: iso, title: momentOf(iso) }, formatRelative(iso));
}

/** A time, shown in full. */
export function momentElement(iso) {
  return el('time', { datetime: iso }, `${momentOf(iso)} (${formatRelative(iso)})`);
}

const STATES = /** @type {Record<string, string>} */ ({
  active: 'Active',
  expired: 'Expired',
  not_yet: 'Not yet valid',
  revoked: 'Revoked',
  suspended: 'Suspended',
});

export function badge(token) {
  return el('span', { class: `badge ${token.state}` }, STATES[token.state] ?? token.state);
}

export function chips(list) {
  return el('ul', { class: 'chips', role: 'list' }, ...list.map((text) => el('li', {}, text)));
}

/** The time at which a token expires, or at which its grace period ends. */
export function expiryOf(token) {
  const ends = [token.expires_at, token.grace_until].filter(Boolean);
  return ends.sort((a, b) => Date.parse(a) - Date.parse(b))[0];
}

export const title = (token) => token.name || token.id;

/** A token, shown as a row of the list. */
export function tokenRow(token) {
  const name = el('button', { type: 'button', class: 'link data', 'data-id': token.id }, title(token));
  const description = token.description ? [el('p', { class: 'note data' }, token.description)] : [];
  const scopes = token.scopes.length ? chips(token.scopes) : muted('None');
  const targets = token.targets ? [el('p', { class: 'note data' }, `for ${token.targets.join(', ')}`)] : [];
  const used = token.last_used_at ? relativeElement(token.last_used_at) : muted('Never');
  const cells = [
    el('th', { role: 'rowheader', scope: 'row' }, name, ...description),
    cell('Scopes', scopes, ...targets),
    cell('Created', dayElement(token.created_at)),
    cell('Expires', ...expiryCell(token)),
    cell('Last used', used),
    cell('State', badge(token)),
  ];
  return el('tr', { role: 'row' }, ...cells);
}

/** A cell, with the name of its column for narrow screens. */
function cell(column, ...content) {
  return el('td', { role: 'cell', 'data-column': column }, el('div', {}, ...content));
}

function expiryCell(token) {
  const at = expiryOf(token);
  if (!at) return ['Never'];
  if (token.state === 'revoked' || token.state === 'expired') return [muted(dayElement(at))];
  const soon = Date.parse(at) - Date.now() < 7 * DAY;
  const remaining = el('p', { class: soon ? 'soon' : 'note' }, relativeElement(at));
  if (token.rotated_to) remaining.prepend('Replaced, expires ');
  return [dayElement(at), remaining];
}

/** Formats JSON, with escapes for characters that change how others are shown. */
function formatJson(value) {
  const code = (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(value, null, 2)
    .replace(/[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufff9-\ufffb]/g, code);
}

/** A token's details, as terms and definitions. */
export function tokenDetails(token) {
  const link = (id) => el('button', { type: 'button', class: 'link code', 'data-id': id }, id);
  const code = (text) => el('code', {}, text);
  const by = token.created_by ? ` by ${token.created_by}` : '';
  const metadata = Object.keys(token.metadata).length > 0;
  /** @type {[string, false | null | '' | string | (Node | string)[]][]} */
  const all = [
    ['State', [badge(token)]],
    ['Description', token.description],
    ['Scopes', [token.scopes.length ? chips(token.scopes) : 'None: the token has no rights']],
    ['Targets', [token.targets ? chips(token.targets) : 'All']],
    ['ID', [code(token.id)]],
    ['Subject', `${token.subject} (${token.subject_kind})`],
    ['Organization', token.organization],
    ['Created', [momentElement(token.created_at), by]],
    ['Valid from', token.not_before && [momentElement(token.not_before)]],
    ['Expires', [token.expires_at ? momentElement(token.expires_at) : 'Never']],
    ['Last used', [token.last_used_at ? momentElement(token.last_used_at) : 'Never']],
    ['Uses', String(token.uses)],
    ['Suspended', token.suspended_at && [momentElement(token.suspended_at)]],
    ['Replaces', token.rotated_from && [link(token.rotated_from)]],
    ['Replaced by', token.rotated_to && [link(token.rotated_to)]],
    ['Valid until', token.grace_until && [momentElement(token.grace_until)]],
    ['Revoked', token.revoked_at && [momentElement(token.revoked_at), token.revoked_by ? ` by ${token.revoked_by}` : '']],
    ['Reason', token.revoked_reason],
    ['Metadata', metadata && [el('pre', { tabindex: '0' }, formatJson(token.metadata))]],
  ];
  return all.flatMap(([term, value]) => {
    if (!value) return [];
    return [el('dt', {}, term), el('dd', { class: 'data' }, ...value)];
  });
}
