// @ts-check
/** The page's own routes, which take the session's cookie alone. */

/** Where the page is mounted: its files lie there. */
const base = new URL('.', import.meta.url);

/** The page of all tokens. */
export const home = base.pathname.replace(/(.)\/$/, '$1');

/** An answer that is not what was asked for (RFC 9457). */
export class Problem extends Error {
  /**
   * @param {number} status 0 where no answer came
   * @param {string} detail
   * @param {string} [field] the one at fault
   */
  constructor(status, detail, field) {
    super(sentence(detail, field));
    this.status = status;
    this.field = field;
  }
}

/**
 * Calls a route, and answers with what it says.
 * @param {string} method
 * @param {string} path below where the page is mounted
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

/** The path of a list. */
export function listed(filter) {
  const given = Object.entries(filter).filter(([, value]) => value);
  return `api/tokens?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}`;
}

/** The path of a token, or of what is done to it. */
export function path(id, action) {
  return ['api/tokens', encodeURIComponent(id), action].filter(Boolean).join('/');
}

/** @param {string} credential what stands in `Authorization` */
export function signIn(credential) {
  return call('POST', 'session', undefined, { Authorization: credential });
}

/**
 * A problem's detail as a sentence, without the name of the field that it is
 * shown beside.
 * @param {string} detail
 * @param {string} [field]
 */
function sentence(detail, field) {
  const text = field && detail.startsWith(`${field}: `) ? detail.slice(field.length + 2) : detail;
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
