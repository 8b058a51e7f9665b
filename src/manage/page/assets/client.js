// @ts-check
/** Calls to the page's own routes, which read only the session cookie. */

/** The address of the mounted page, which contains its assets. */
const base = new URL('.', import.meta.url);

/** The page of all tokens. */
export const home = base.pathname.replace(/(.)\/$/, '$1');

/** An error response (RFC 9457), or the lack of a response. */
export class Problem extends Error {
  /**
   * @param {number} status 0 if there was no response
   * @param {string} detail
   * @param {string} [field] the field at fault
   */
  constructor(status, detail, field) {
    super(sentence(detail, field));
    this.status = status;
    this.field = field;
  }
}

/**
 * Calls a route and returns its answer.
 * @param {string} method
 * @param {string} path relative to the mounted page
 * @param {object} [body] sent as JSON
 * @param {Record<string, string>} [headers]
 */
export async function call(method, path, body, headers = {}) {
  if (body) headers = { ...headers, 'Content-Type': 'application/json' };
  const request = { method, headers, body: body && JSON.stringify(body) };
  const response = await fetch(new URL(path, base), request).catch(() => {
    throw new Problem(0, 'the server can’t be reached');
  });
  if (response.status === 204) return null;
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  throw new Problem(response.status, answer.detail ?? `the server answered ${response.status}`, answer.field);
}

/** The path of a list, without empty filters. */
export function listPath(filter) {
  const given = Object.entries(filter).filter(([, value]) => value);
  return `api/tokens?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}`;
}

/** The path of a token, or of an operation on it. */
export function tokenPath(id, operation) {
  return ['api/tokens', encodeURIComponent(id), operation].filter(Boolean).join('/');
}

/** @param {string} authorization the value of `Authorization` */
export function signIn(authorization) {
  return call('POST', 'session', undefined, { Authorization: authorization });
}

/**
 * Formats a problem's detail as a sentence, without the name of its field: the page
 * shows it beside that field.
 * @param {string} detail
 * @param {string} [field]
 */
function sentence(detail, field) {
  const text = field && detail.startsWith(`${field}: `) ? detail.slice(field.length + 2) : detail;
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
