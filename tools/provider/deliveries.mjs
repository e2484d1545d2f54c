// What the stand-in tells the shop: events, each posted to the webhook's address with a signature over
// the very bytes, as the provider does. What must hold: every event is made once and kept with its
// signed bytes, a post that is not answered with 2xx is repeated a few times with growing delays and
// then given up, and nothing promises an order between events. While deliveries are held nothing goes
// out, so that a test can send what it wants, in the order and as often as it wants.
import { createHmac } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { makeId, nowSeconds } from './ledger.mjs';
import { missing } from './params.mjs';

export const API_VERSION = '2026-10-28.endive';
const RETRY_DELAYS_MS = [100, 300, 1000, 3000];
const UNANSWERED_MS = 10_000;

/** The header `Stripe-Signature` for a body. */
export function signatureOf(body, secret, at) {
  return `t=${at},v1=${createHmac('sha256', secret).update(`${at}.${body}`).digest('hex')}`;
}

export class Deliveries {
  url;
  events = new Map();
  /**
   * One for each event, in order: `{ id, type, event, body, signature, state, attempts }`. The state
   * is 'held', 'sending', 'delivered', 'failed', 'dropped', or 'unsent' where there was no address.
   */
  all = [];
  #sign;
  #delays;
  #held = false;
  #waiting = [];
  #running = new Set();
  #end = new AbortController();
  #log;

  constructor({ url, secret, sign = signatureOf, retryDelays = RETRY_DELAYS_MS, log }) {
    this.url = url;
    this.#sign = (body, at) => sign(body, secret, at);
    this.#delays = retryDelays;
    this.#log = log;
  }

  sign(body, at = nowSeconds()) { return this.#sign(body, at); }

  event(id) {
    const found = this.events.get(id);
    if (!found) throw missing('event', id);
    return found;
  }

  /** Makes an event about an object as it is now, and sends it on its way. `request` is the call that caused it. */
  emit(type, object, before, request = { id: null, idempotency_key: null }) {
    const event = {
      id: makeId('evt_'), object: 'event', api_version: API_VERSION, created: nowSeconds(),
      data: { object: structuredClone(object), ...(before && { previous_attributes: before }) },
      livemode: false, pending_webhooks: 1, request, type,
    };
    this.events.set(event.id, event);
    // Over several lines, as the provider writes it: whoever checks the signature of JSON written anew will fail.
    const body = JSON.stringify(event, null, 2);
    const delivery = { id: event.id, type, event, body, signature: this.sign(body), state: 'unsent', attempts: [] };
    this.all.push(delivery);
    if (this.url) this.#begin(delivery, 0);
    return delivery;
  }

  #begin(delivery, attempt) {
    if (this.#held) {
      delivery.state = 'held';
      this.#waiting.push([delivery, attempt]);
      return;
    }
    delivery.state = 'sending';
    const running = this.#try(delivery, attempt).catch(() => {}).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async #try(delivery, attempt) {
    const { status } = await this.send(delivery);
    if (status >= 200 && status < 300) {
      delivery.state = 'delivered';
      return;
    }
    if (attempt >= this.#delays.length) {
      delivery.state = 'failed';
      this.#log({ event: 'provider_gave_up', type: delivery.type, id: delivery.id });
      return;
    }
    await pause(this.#delays[attempt], undefined, { signal: this.#end.signal });
    // Signed anew, since a signature is good for minutes only.
    delivery.signature = this.sign(delivery.body);
    this.#begin(delivery, attempt + 1);
  }

  /**
   * Posts `{ body, signature }` once, whatever is held, and gives `{ status }`, or `{ error }` when there
   * was no answer. A delivery may be sent as often as one likes, or a copy with another body or signature.
   */
  async send({ body, signature, attempts }) {
    let outcome;
    try {
      const response = await fetch(this.url, {
        method: 'POST',
        body,
        redirect: 'manual',
        signal: AbortSignal.any([AbortSignal.timeout(UNANSWERED_MS), this.#end.signal]),
        headers: {
          'content-type': 'application/json; charset=utf-8',
          'stripe-signature': signature,
          'user-agent': 'Stripe/1.0 (+https://stripe.com/docs/webhooks)',
        },
      });
      outcome = { status: response.status, text: await response.text() };
    } catch (error) {
      outcome = { error: error.cause?.code ?? error.name };
    }
    attempts?.push(outcome);
    return outcome;
  }

  /** From now on nothing goes out by itself; a post that is under way is not called back. */
  hold() { this.#held = true; }

  /** What is held goes out, all at once, and so does what comes. */
  release() {
    this.#held = false;
    for (const [delivery, attempt] of this.#waiting.splice(0)) this.#begin(delivery, attempt);
  }

  /** What is held never goes out by itself; what comes is held still. */
  drop() {
    for (const [delivery] of this.#waiting.splice(0)) delivery.state = 'dropped';
  }

  /** Resolves when nothing is under way and nothing is to be repeated. */
  async rest() {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  async close() {
    this.#end.abort();
    await this.rest();
  }
}
