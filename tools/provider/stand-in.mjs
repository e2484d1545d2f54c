// A stand-in for the HTTP API of a payment provider that speaks as Stripe does, over real HTTP on this
// machine, for local use and tests: no money moves and no network is needed. This file owns the server
// and what a call may do; the rules of payments are in ledger.mjs, what the shop is told in
// deliveries.mjs. What must hold: who has no key changes nothing but the intent whose client secret he
// has; a call with an idempotency key happens once; everything under /local exists here only.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { API_VERSION, Deliveries } from './deliveries.mjs';
import { Faults, refusalOf } from './faults.mjs';
import { Keys } from './keys.mjs';
import { Ledger, makeId } from './ledger.mjs';
import { payPage } from './page.mjs';
import { canonical, Invalid, missing, parseForm, Refusal } from './params.mjs';
import { loadBooks, saveBooks } from './store.mjs';

const LARGEST_BODY = 64 * 1024;
const MOST_CALLS = 10_000;
const [DEFAULT_PAGE, LARGEST_PAGE] = [10, 100];

/** Method, path, who may (`key`, `client` for the key or the client secret, `anyone`), and what to do. */
const ROUTES = [
  ['POST', /^\/v1\/payment_intents$/, 'key', (provider, { params }) => provider.ledger.create(params)],
  ['GET', /^\/v1\/payment_intents\/(\w+)$/, 'client', (provider, { id }) => provider.ledger.intent(id)],
  ['POST', /^\/v1\/payment_intents\/(\w+)\/cancel$/, 'key', (provider, { id, params }) => provider.ledger.cancel(id, params)],
  ['POST', /^\/v1\/payment_intents\/(\w+)\/confirm$/, 'client', (provider, { id, params }) => provider.ledger.confirm(id, params)],
  ['POST', /^\/v1\/refunds$/, 'key', (provider, { params }) => provider.ledger.giveBack(params)],
  ['GET', /^\/v1\/refunds$/, 'key', (provider, { params }) => listOf(provider.refunds, params)],
  ['GET', /^\/v1\/refunds\/(\w+)$/, 'key', (provider, { id }) => provider.ledger.refund(id)],
  ['GET', /^\/v1\/events\/(\w+)$/, 'key', (provider, { id }) => provider.outbox.event(id)],
  ['GET', /^\/local\/intents$/, 'anyone', (provider, { params }) => provider.ledger.intentsOf(params.order)],
  ['GET', /^\/local\/intents\/(\w+)$/, 'anyone', (provider, { id }) => provider.ledger.intent(id)],
  ['POST', /^\/local\/intents\/(\w+)\/settle$/, 'anyone', (provider, { id, params }) => provider.ledger.settle(id, params)],
  ['POST', /^\/local\/refunds\/(\w+)\/settle$/, 'anyone', (provider, { id, params }) => provider.ledger.settleRefund(id, params)],
];

/** A list as the provider gives it: newest first, `limit` at a time, after `starting_after`. */
function listOf(refunds, { payment_intent: intent, limit = String(DEFAULT_PAGE), starting_after: after }) {
  if (!/^\d+$/.test(limit) || Number(limit) < 1 || Number(limit) > LARGEST_PAGE) throw new Invalid('limit', 'parameter_invalid_integer', `Invalid integer: ${limit}`);
  const all = [...refunds.values()].reverse().filter((refund) => intent === undefined || refund.payment_intent === intent);
  const from = after === undefined ? 0 : all.findIndex(({ id }) => id === after) + 1;
  if (after !== undefined && from === 0) throw missing('refund', after, 'starting_after');
  const data = all.slice(from, from + Number(limit));
  return { object: 'list', url: '/v1/refunds', has_more: from + data.length < all.length, data };
}

async function readBody(request) {
  const pieces = [];
  let size = 0;
  for await (const piece of request) {
    size += piece.length;
    if (size > LARGEST_BODY) throw new Refusal(413, { message: 'The request body is too large.' });
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString();
}

function readParams({ method, headers }, url, body) {
  if (method === 'GET') return parseForm(url.search);
  const type = headers['content-type'] ?? '';
  if (url.pathname.startsWith('/local/') && type.startsWith('application/json')) return JSON.parse(body);
  if (body === '' || type.startsWith('application/x-www-form-urlencoded')) return parseForm(body);
  throw new Refusal(400, { message: 'Invalid request (check that your POST content type is application/x-www-form-urlencoded).' });
}

class Provider {
  /** Every call but those of the page, in order: `{ method, path, params, key, id, status }`. */
  calls = [];
  #keys = new Keys();
  #faults = new Faults();
  #end = new AbortController();
  #server = createServer((request, response) => void this.#serve(request, response).catch(() => request.socket.destroy()));
  #current;
  #log;
  #file;

  constructor({ secretKey, webhookSecret, webhookUrl = null, sign, retryDelays, keepIn, onLog = () => {} }) {
    Object.assign(this, { secretKey, webhookSecret });
    this.#log = (fields) => onLog(JSON.stringify({ level: 'info', ...fields, time: new Date().toISOString() }));
    this.#file = keepIn;
    this.outbox = new Deliveries({ url: webhookUrl, secret: webhookSecret, sign, retryDelays, log: this.#log });
    this.ledger = new Ledger((type, object, before) => this.outbox.emit(type, object, before, this.#current));
  }

  get intents() { return this.ledger.intents; }
  get charges() { return this.ledger.charges; }
  get refunds() { return this.ledger.refunds; }
  get events() { return this.outbox.events; }
  get deliveries() { return this.outbox.all; }

  /** Where events go. What came about while there was no address is not sent later. */
  get webhookUrl() { return this.outbox.url; }
  set webhookUrl(url) { this.outbox.url = url; }

  /** 'pending' makes refunds that are over only once they are settled. */
  set refundStatus(status) { this.ledger.refundStatus = status; }

  chargesOf(order) { return this.ledger.chargesOf(order); }
  refundsOf(order) { return this.ledger.refundsOf(order); }
  balance(order) { return this.ledger.balance(order); }

  hold() { this.outbox.hold(); }
  release() { this.outbox.release(); }
  drop() { this.outbox.drop(); }
  rest() { return this.outbox.rest(); }
  /** Posts a delivery now, held or not, once more or for the first time; or any `{ body, signature }`. */
  send(delivery) { return this.outbox.send(delivery); }
  /** The signature of any body, by default as of now. */
  sign(body, at) { return this.outbox.sign(body, at); }
  /** Makes an event that no call caused. */
  emit(type, object) { return this.outbox.emit(type, object); }

  /** Lets the next calls that match go wrong: faults.mjs says how. */
  fail(rule) { return this.#faults.add(rule); }
  mend() { this.#faults.clear(); }

  async open(port) {
    if (this.#file) loadBooks(this.#file, { ledger: this.ledger, keys: this.#keys, events: this.events });
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.port = this.#server.address().port;
    this.url = `http://127.0.0.1:${this.port}`;
    return this;
  }

  async close() {
    this.#end.abort();
    this.#server.closeAllConnections();
    await new Promise((resolve) => { this.#server.close(resolve); });
    await this.outbox.close();
  }

  async #serve(request, response) {
    const url = new URL(request.url, 'http://127.0.0.1');
    const shown = /^\/pay\/(\w+)$/.exec(url.pathname);
    if (shown && request.method === 'GET') return void payPage(response, this.intents.get(shown[1]), url.searchParams.get('client_secret'));
    const call = { method: request.method, path: url.pathname, key: request.headers['idempotency-key'], id: makeId('req_', 14) };
    this.calls.push(call);
    if (this.calls.length > MOST_CALLS) this.calls.shift();
    const body = await readBody(request).catch((error) => error);
    const fault = this.#faults.take(call.method, call.path);
    if (fault?.mode === 'before') return void request.socket.destroy();
    const answer = await this.#answer(call, request, url, body, fault);
    call.status = answer.status;
    this.#log({ event: 'provider_call', method: call.method, path: call.path, status: answer.status });
    if (fault?.mode === 'lost') return void request.socket.destroy();
    response.writeHead(answer.status, {
      'content-type': 'application/json',
      'request-id': call.id,
      'stripe-version': request.headers['stripe-version'] ?? API_VERSION,
      ...(call.path.startsWith('/v1/') && { 'access-control-allow-origin': '*' }),
      ...(call.key !== undefined && { 'idempotency-key': call.key }),
      ...(answer.replayed && { 'idempotent-replayed': 'true' }),
    }).end(answer.body);
  }

  // Whatever is refused is an answer too; whether it is kept for the key is decided further in.
  async #answer(call, request, url, body, fault) {
    try {
      if (body instanceof Error) throw body;
      const route = ROUTES.find(([method, path]) => method === call.method && path.test(call.path));
      if (!route) throw new Refusal(404, { message: `Unrecognized request URL (${call.method}: ${call.path}).` });
      const [, path, who, work] = route;
      call.params = readParams(request, url, body);
      const id = path.exec(call.path)[1];
      this.#authorise(who, request.headers.authorization, call.params, id);
      return await this.#once(call, fault, () => work(this, { id, params: call.params }));
    } catch (error) {
      if (this.#end.signal.aborted) throw error;
      return answerOf(error);
    }
  }

  #authorise(who, given, { client_secret: secret }, id) {
    if (who === 'anyone' || given === `Bearer ${this.secretKey}`) return;
    // Scripts in browsers send the publishable key along, which opens nothing by itself.
    if (given !== undefined && !given.startsWith('Bearer pk_')) throw new Refusal(401, { message: 'Invalid API Key provided.' });
    if (who === 'key' || secret === undefined) {
      throw new Refusal(401, { message: 'You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth.' });
    }
    if (this.ledger.intent(id).client_secret === secret) return;
    throw new Refusal(400, { param: 'client_secret', message: 'The client_secret provided does not match the client_secret associated with the PaymentIntent.' });
  }

  // The key is taken before the first await and kept until the answer is ready, so that of two at
  // the same time one is told that the key is in use.
  async #once(call, fault, work) {
    const claim = this.#keys.take(call.method === 'POST' ? call.key : undefined, `${call.method} ${call.path} ${canonical(call.params)}`);
    if (claim.answer) {
      if (fault?.mode === 'slow' || fault?.mode === 'late') await this.#wait(fault);
      return { ...claim.answer, replayed: true };
    }
    try {
      if (fault?.mode === 'late') await this.#wait(fault);
      const answer = fault?.mode === 'status' ? answerOf(refusalOf(fault)) : this.#perform(call, work);
      if (fault?.mode === 'slow') await this.#wait(fault);
      if (fault?.mode === 'status' && !fault.kept) claim.leave();
      else claim.keep(answer);
      return answer;
    } catch (error) {
      claim.leave();
      throw error;
    } finally {
      if (this.#file && call.method === 'POST') saveBooks(this.#file, { ledger: this.ledger, keys: this.#keys, events: this.events });
    }
  }

  #perform(call, work) {
    this.#current = { id: call.id, idempotency_key: call.key ?? null };
    try {
      return { status: 200, body: JSON.stringify(work(), null, 2) };
    } catch (error) {
      // What was wrong before it was begun leaves the key free.
      if (error instanceof Invalid || !(error instanceof Refusal)) throw error;
      return answerOf(error);
    } finally {
      this.#current = undefined;
    }
  }

  #wait({ ms, until }) {
    const { signal } = this.#end;
    if (!until) return pause(ms, undefined, { signal });
    return Promise.race([until, once(signal, 'abort').then(() => signal.throwIfAborted())]);
  }
}

function answerOf(error) {
  const refusal = error instanceof Refusal ? error : new Refusal(error instanceof SyntaxError ? 400 : 500, { type: 'api_error', message: error.message });
  return { status: refusal.status, body: JSON.stringify({ error: refusal.error }, null, 2) };
}

/**
 * Starts a stand-in and resolves when it listens. `sign`, of a body, a secret and a time, may be another's;
 * `retryDelays` are the pauses in milliseconds before a delivery is repeated; with `keepIn`, a file, the books outlive the process. `onLog` gets lines of
 * JSON, in which no secret stands.
 */
export function startProvider({ port = 0, ...options } = {}) {
  return new Provider(options).open(port);
}
