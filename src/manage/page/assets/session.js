// @ts-check
/** The session of the person who is signed in, and calls that need one. */

import { call, Problem } from './client.js';

/** The server's answer about the session. @type {any} */
export let session = null;

/** @type {(reason: string) => void} */
let onEnd = () => {};

/** @param {any} answer */
export function setSession(answer) {
  session = answer;
}

/**
 * Sets the function that is called when the server no longer knows the session.
 * @param {(reason: string) => void} listener
 */
export function onSessionEnd(listener) {
  onEnd = listener;
}

/**
 * Calls a route that needs a session. If the session has ended, the sign-in opens
 * above the page, which keeps everything that was typed.
 * @param {Parameters<typeof call>} request
 */
export async function callSignedIn(...request) {
  try {
    return await call(...request);
  } catch (problem) {
    if (problem instanceof Problem && problem.status === 401) {
      onEnd('Your session has ended. Sign in to continue.');
      throw new Problem(401, 'nothing was changed because your session had ended');
    }
    throw problem;
  }
}
