// A shopper's client as it ought to be: it repeats what it is not sure of, with the same key or
// with none, until it has an answer that means something.
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';

const AGAIN_MS = 20;
const DEADLINE_MS = 30_000;

/** Answers that say nothing about what became of the request. */
const isOpen = ({ status, json }) => status >= 500 || (status === 409 && json?.code === 'in_progress');

/**
 * Sends what `send(attempt)` sends, until its answer settles the matter. Gives the answer, with
 * what came before it in `before`: statuses and codes, or the names of network errors.
 */
export async function insist(send, { deadlineMs = DEADLINE_MS } = {}) {
  const before = [];
  const end = performance.now() + deadlineMs;
  for (let attempt = 0; ; attempt += 1) {
    try {
      const answer = await send(attempt);
      if (!isOpen(answer)) return { ...answer, before };
      before.push(`${answer.status} ${answer.json?.code}`);
    } catch (error) {
      before.push(error.cause?.code ?? error.message);
    }
    assert.ok(performance.now() < end, `no answer within ${deadlineMs} ms, only: ${before.slice(-5).join(', ')}`);
    await pause(AGAIN_MS);
  }
}
