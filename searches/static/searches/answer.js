// What the pages ask of the site while they are open. A connection may die without a word: what
// waited for an answer without end would never ask again.

/** Longer than a database that is away keeps an answer waiting, and enough for a slow line. */
const PATIENCE_MS = 20000;

/** Return the answer to a request, never a kept one; one that takes longer to come whole fails. */
export function answerTo(address, options = {}) {
  return fetch(address, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS), ...options });
}
