// The idempotency keys of the stand-in. What must hold: a key stands for one request and one answer;
// the same request gets that very answer again, byte for byte, another request is refused, and one
// that comes while the first is under way is told so rather than made to wait.
import { Invalid, Refusal } from './params.mjs';

const LONGEST = 255;

export class Keys {
  /** By key: `{ fingerprint, answer }`, without an answer while the request is under way. */
  #taken = new Map();

  /**
   * Takes a key for a request. Gives `{ answer }` when the request was answered before, otherwise
   * `{ keep(answer), leave() }`, one of which must be called in the end.
   */
  take(key, fingerprint) {
    if (key === undefined) return { keep() {}, leave() {} };
    if (key.length > LONGEST) throw new Invalid(undefined, undefined, `Idempotency keys have at most ${LONGEST} characters.`);
    const found = this.#taken.get(key);
    if (found && !found.answer) {
      throw new Refusal(409, {
        type: 'idempotency_error',
        code: 'idempotency_key_in_use',
        message: `There is currently another in-progress request using this Idempotency Key (${key}). Please try again later.`,
      });
    }
    if (found && found.fingerprint !== fingerprint) {
      throw new Refusal(400, {
        type: 'idempotency_error',
        message: 'Keys for idempotent requests can only be used with the same parameters they were first used with. '
          + `Try using a key other than '${key}' if you meant to execute a different request.`,
      });
    }
    if (found) return { answer: found.answer };
    const taken = { fingerprint };
    this.#taken.set(key, taken);
    return {
      keep(answer) { taken.answer = answer; },
      leave: () => { this.#taken.delete(key); },
    };
  }

  /** What was answered, for the disk; what is under way dies with the process. */
  toJSON() { return [...this.#taken].filter(([, { answer }]) => answer); }

  load(entries) { this.#taken = new Map(entries); }
}
