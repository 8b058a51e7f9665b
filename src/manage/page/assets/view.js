// @ts-check
/** How things look: elements, times, states. Data become text nodes alone. */

export const $ = (id) => /** @type {any} */ (document.getElementById(id));

export function el(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const DAY = 86_400_000;
/** Each with the distance it is used from: 45 days say more than 1 month. */
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

/** How far a time is from now: in 27 days, 2 hours ago. */
function away(iso) {
  const left = Date.parse(iso) - Date.now();
  const unit = UNITS.find(([, , from]) => Math.abs(left) >= from);
  if (!unit) return left < 0 ? 'just now' : 'in less than a minute';
  const [name, length] = unit;
  return distance.format(Math.round(left / length), name);
}

export const dayOf = (iso) => day.format(new Date(iso));

export const momentOf = (iso) => moment.format(new Date(iso));

/** A time as a day. */
export function date(iso) {
  return el('time', { datetime: iso, title: momentOf(iso) }, dayOf(iso));
}

/** A time as its distance from now. */
export function relative(iso) {
  return el('time', { datetime: iso, title: momentOf(iso) }, away(iso));
}

/** A time in full. */
export function exact(iso) {
  return el('time', { datetime: iso }, `${momentOf(iso)} (${away(iso)})`);
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

/** When a token ends: with its grace, where it was replaced. */
export function end(token) {
  const ends = [token.expires_at, token.grace_until].filter(Boolean);
  return ends.sort((a, b) => Date.parse(a) - Date.parse(b))[0];
}

export const title = (token) => token.name || token.id;

/** A token as a row of the list. */
export function row(token) {
  const name = el('button', { type: 'button', class: 'link data', 'data-id': token.id }, title(token));
  const about = token.description ? [el('p', { class: 'note data' }, token.description)] : [];
  const scopes = token.scopes.length ? chips(token.scopes) : muted('None');
  const held = token.targets ? [el('p', { class: 'note data' }, `for ${token.targets.join(', ')}`)] : [];
  const used = token.last_used_at ? relative(token.last_used_at) : muted('Never');
  const cells = [
    el('th', { role: 'rowheader', scope: 'row' }, name, ...about),
    cell('Scopes', scopes, ...held),
    cell('Created', date(token.created_at)),
    cell('Expires', ...expiry(token)),
    cell('Last used', used),
    cell('State', badge(token)),
  ];
  return el('tr', { role: 'row' }, ...cells);
}

/** A cell, with its column's name for narrow screens. */
function cell(column, ...content) {
  return el('td', { role: 'cell', 'data-column': column }, el('div', {}, ...content));
}

function expiry(token) {
  const at = end(token);
  if (!at) return ['Never'];
  if (token.state === 'revoked' || token.state === 'expired') return [muted(date(at))];
  const soon = Date.parse(at) - Date.now() < 7 * DAY;
  const left = el('p', { class: soon ? 'soon' : 'note' }, relative(at));
  if (token.rotated_to) left.prepend('Replaced, ends ');
  return [date(at), left];
}

/** JSON in which no character changes how its neighbours are shown. */
function json(value) {
  const code = (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(value, null, 2)
    .replace(/[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufff9-\ufffb]/g, code);
}

/** All that is known of a token, as terms and what they are. */
export function facts(token) {
  const other = (id) => el('button', { type: 'button', class: 'link code', 'data-id': id }, id);
  const code = (text) => el('code', {}, text);
  const by = token.created_by ? ` by ${token.created_by}` : '';
  const metadata = Object.keys(token.metadata).length > 0;
  /** @type {[string, false | null | '' | string | (Node | string)[]][]} */
  const all = [
    ['State', [badge(token)]],
    ['Description', token.description],
    ['Scopes', [token.scopes.length ? chips(token.scopes) : 'None: it can do nothing']],
    ['Targets', [token.targets ? chips(token.targets) : 'All']],
    ['ID', [code(token.id)]],
    ['Subject', `${token.subject} (${token.subject_kind})`],
    ['Organization', token.organization],
    ['Created', [exact(token.created_at), by]],
    ['Valid from', token.not_before && [exact(token.not_before)]],
    ['Expires', [token.expires_at ? exact(token.expires_at) : 'Never']],
    ['Last used', [token.last_used_at ? exact(token.last_used_at) : 'Never']],
    ['Uses', String(token.uses)],
    ['Suspended', token.suspended_at && [exact(token.suspended_at)]],
    ['Replaces', token.rotated_from && [other(token.rotated_from)]],
    ['Replaced by', token.rotated_to && [other(token.rotated_to)]],
    ['Good until', token.grace_until && [exact(token.grace_until)]],
    ['Revoked', token.revoked_at && [exact(token.revoked_at), token.revoked_by ? ` by ${token.revoked_by}` : '']],
    ['Reason', token.revoked_reason],
    ['Metadata', metadata && [el('pre', { tabindex: '0' }, json(token.metadata))]],
  ];
  return all.flatMap(([term, is]) => {
    if (!is) return [];
    return [el('dt', {}, term), el('dd', { class: 'data' }, ...is)];
  });
}
