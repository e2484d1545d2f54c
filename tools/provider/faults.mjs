// Calls of the stand-in that go wrong as a test wants. The modes are where a call can break:
//   before   the connection breaks and nothing has happened
//   lost     it has happened, and the connection breaks before the answer
//   slow     it has happened, and the answer comes after `ms`, or when the promise `until` is kept
//   late     the answer comes then too, and it happens no sooner
//   status   nothing happens and the answer is `status`; with `kept` the idempotency key stands for
//            that answer from now on, as it does for a 500 of the provider
import { Refusal } from './params.mjs';

const MODES = ['before', 'lost', 'slow', 'late', 'status'];

export class Faults {
  #rules = [];

  /** For the next `times` calls that match. Gives the rule; its `hits` counts them. */
  add({ method, path = /(?:)/, mode, times = 1, status = 500, ms = 1000, until, kept = false }) {
    if (!MODES.includes(mode)) throw new Error(`There is no mode "${mode}"; there are ${MODES.join(', ')}.`);
    const rule = { method, path, mode, times, status, ms, until, kept, hits: 0 };
    this.#rules.push(rule);
    return rule;
  }

  clear() { this.#rules = []; }

  /** The rule for this call, if there is one; it counts as used. */
  take(method, path) {
    const rule = this.#rules.find((each) => each.hits < each.times && (!each.method || each.method === method) && path.search(each.path) >= 0);
    if (rule) rule.hits += 1;
    return rule;
  }
}

/** What a call of mode `status` is answered with. */
export function refusalOf({ status }) {
  if (status === 429) return new Refusal(429, { code: 'rate_limit', message: 'Too many requests hit the API too quickly.' });
  const type = status >= 500 ? 'api_error' : 'invalid_request_error';
  return new Refusal(status, { type, message: 'The stand-in was told to answer so.' });
}
