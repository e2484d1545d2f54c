// The books of the stand-in: payment intents, charges and refunds, and the rules by which they change.
// It knows nothing of HTTP. What must hold: an intent is captured at most once, a charge is never
// refunded beyond what was captured, and every change is told (`emit`) with the object as it was then.
// A change happens in one piece, without an await.
import { randomInt } from 'node:crypto';
import { amountOf, currencyOf, metadataOf, missing, oneOf, onlyKnown, Refusal, required } from './params.mjs';

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
export const makeId = (prefix, length = 24) => prefix + Array.from({ length }, () => LETTERS[randomInt(LETTERS.length)]).join('');
export const nowSeconds = () => Math.floor(Date.now() / 1000);

/** What the ways to pay come to. */
const METHODS = {
  pm_card_visa: { outcome: 'succeeded' },
  pm_card_chargeDeclined: { outcome: 'declined', decline_code: 'generic_decline', message: 'Your card was declined.' },
  pm_card_chargeDeclinedInsufficientFunds: { outcome: 'declined', decline_code: 'insufficient_funds', message: 'Your card has insufficient funds.' },
  pm_delayed: { outcome: 'processing' },
};
const INTENT_PARAMS = ['amount', 'currency', 'metadata', 'automatic_payment_methods', 'payment_method_types', 'description', 'receipt_email'];
const CANCEL_REASONS = ['duplicate', 'fraudulent', 'requested_by_customer', 'abandoned'];
const REFUND_PARAMS = ['payment_intent', 'charge', 'amount', 'metadata', 'reason'];
const REFUND_REASONS = ['duplicate', 'fraudulent', 'requested_by_customer'];

export class Ledger {
  intents = new Map();
  charges = new Map();
  refunds = new Map();
  /** What a new refund is at first: 'succeeded', or 'pending' for refunds that need `settleRefund`. */
  refundStatus = 'succeeded';
  #emit;

  constructor(emit) { this.#emit = emit; }

  intent(id, param = 'intent') { return this.#find(this.intents, 'payment_intent', id, param); }
  refund(id) { return this.#find(this.refunds, 'refund', id, 'refund'); }

  #find(kept, kind, id, param) {
    const found = kept.get(id);
    if (!found) throw missing(kind, id, param);
    return found;
  }

  create(params) {
    onlyKnown(params, INTENT_PARAMS);
    const [amount, currency, metadata] = [amountOf(params), currencyOf(params), metadataOf(params)];
    const id = makeId('pi_');
    const automatic = params.automatic_payment_methods?.enabled === 'true';
    const intent = {
      id, object: 'payment_intent', amount, amount_capturable: 0, amount_received: 0,
      automatic_payment_methods: automatic ? { allow_redirects: 'always', enabled: true } : null,
      canceled_at: null, cancellation_reason: null, capture_method: 'automatic_async',
      client_secret: makeId(`${id}_secret_`, 25), confirmation_method: 'automatic', created: nowSeconds(), currency,
      customer: null, description: params.description ?? null, last_payment_error: null, latest_charge: null, livemode: false,
      metadata, next_action: null, payment_method: null, payment_method_types: ['card'], processing: null,
      receipt_email: params.receipt_email ?? null, status: 'requires_payment_method',
    };
    this.intents.set(id, intent);
    this.#emit('payment_intent.created', intent);
    return intent;
  }

  cancel(id, params) {
    onlyKnown(params, ['cancellation_reason']);
    const reason = oneOf(params, 'cancellation_reason', CANCEL_REASONS);
    const intent = this.intent(id);
    // The provider speaks of rare cases in which a payment under way can be canceled; this is no such case.
    if (intent.status !== 'requires_payment_method') {
      throw unexpected(intent, `You cannot cancel this PaymentIntent because it has a status of ${intent.status}. Only a PaymentIntent with one of the following `
        + 'statuses may be canceled: requires_payment_method, requires_capture, requires_confirmation, requires_action, processing.');
    }
    Object.assign(intent, { status: 'canceled', canceled_at: nowSeconds(), cancellation_reason: reason });
    this.#emit('payment_intent.canceled', intent);
    return intent;
  }

  /** What the shopper's browser does. A declined card is a refusal too, but one that changed something. */
  confirm(id, params) {
    onlyKnown(params, ['client_secret', 'payment_method', 'return_url']);
    const intent = this.intent(id);
    const name = required(params, 'payment_method');
    if (!Object.hasOwn(METHODS, name)) throw missing('PaymentMethod', name, 'payment_method');
    if (intent.status !== 'requires_payment_method') {
      throw unexpected(intent, `You cannot confirm this PaymentIntent because it has a status of ${intent.status}.`);
    }
    const { outcome, decline_code, message } = METHODS[name];
    Object.assign(intent, { payment_method: name, last_payment_error: null });
    if (outcome === 'succeeded') return this.#capture(intent);
    if (outcome === 'processing') {
      intent.status = 'processing';
      this.#emit('payment_intent.processing', intent);
      return intent;
    }
    const error = this.#decline(intent, { code: 'card_declined', decline_code, message });
    throw new Refusal(402, { ...error, payment_intent: intent });
  }

  /** How a payment that took its time ends: 'succeeded' or 'failed'. */
  settle(id, params) {
    onlyKnown(params, ['outcome']);
    required(params, 'outcome');
    const outcome = oneOf(params, 'outcome', ['succeeded', 'failed']);
    const intent = this.intent(id);
    if (intent.status !== 'processing') throw unexpected(intent, `This PaymentIntent has a status of ${intent.status}, so there is nothing to settle.`);
    if (outcome === 'succeeded') return this.#capture(intent);
    this.#decline(intent, { code: 'payment_intent_payment_attempt_failed', message: 'The payment failed.' });
    return intent;
  }

  #charge(intent, rest) {
    const { amount, currency, payment_method, metadata } = intent;
    const charge = {
      id: makeId('ch_'), object: 'charge', amount, amount_captured: 0, amount_refunded: 0, captured: false, created: nowSeconds(),
      currency, disputed: false, failure_code: null, failure_message: null, livemode: false, metadata: { ...metadata }, paid: false,
      payment_intent: intent.id, payment_method, refunded: false, status: 'failed', ...rest,
    };
    this.charges.set(charge.id, charge);
    intent.latest_charge = charge.id;
    return charge;
  }

  #capture(intent) {
    this.#charge(intent, { amount_captured: intent.amount, captured: true, paid: true, status: 'succeeded' });
    Object.assign(intent, { status: 'succeeded', amount_received: intent.amount });
    this.#emit('payment_intent.succeeded', intent);
    return intent;
  }

  #decline(intent, { code, decline_code, message }) {
    const charge = this.#charge(intent, { failure_code: code, failure_message: message });
    const payment_method = { id: intent.payment_method, object: 'payment_method', type: 'card' };
    const error = { type: 'card_error', code, ...(decline_code && { decline_code }), message, charge: charge.id, payment_method };
    Object.assign(intent, { status: 'requires_payment_method', payment_method: null, last_payment_error: error });
    this.#emit('payment_intent.payment_failed', intent);
    return error;
  }

  giveBack(params) {
    onlyKnown(params, REFUND_PARAMS);
    const [metadata, reason] = [metadataOf(params), oneOf(params, 'reason', REFUND_REASONS)];
    const wanted = params.amount === undefined ? undefined : amountOf(params);
    const charge = this.#chargeToRefund(params);
    const left = charge.amount_captured - charge.amount_refunded;
    if (left === 0) throw new Refusal(400, { code: 'charge_already_refunded', message: `Charge ${charge.id} has already been refunded.` });
    const amount = wanted ?? left;
    if (amount > left) {
      throw new Refusal(400, { code: 'amount_too_large', param: 'amount', message: `Refund amount (${amount}) is greater than unrefunded amount on charge (${left})` });
    }
    const refund = {
      id: makeId('re_'), object: 'refund', amount, charge: charge.id, created: nowSeconds(), currency: charge.currency, metadata,
      payment_intent: charge.payment_intent, reason, receipt_number: null, status: this.refundStatus,
    };
    this.refunds.set(refund.id, refund);
    this.#emit('refund.created', refund);
    this.#refunded(charge, amount);
    if (refund.status === 'succeeded') this.#emit('refund.updated', refund);
    return refund;
  }

  #chargeToRefund(params) {
    if (params.charge !== undefined) return this.#find(this.charges, 'charge', params.charge, 'charge');
    const intent = this.intent(required(params, 'payment_intent'), 'payment_intent');
    if (intent.status === 'succeeded') return this.charges.get(intent.latest_charge);
    throw new Refusal(400, { param: 'payment_intent', message: `This PaymentIntent (${intent.id}) does not have a successful charge to refund.` });
  }

  #refunded(charge, amount) {
    const before = { amount_refunded: charge.amount_refunded };
    charge.amount_refunded += amount;
    charge.refunded = charge.amount_refunded === charge.amount;
    if (amount > 0) this.#emit('charge.refunded', charge, before);
  }

  /** How a refund that is pending ends: 'succeeded' or 'failed'; of one that failed the money is back here. */
  settleRefund(id, params) {
    onlyKnown(params, ['outcome']);
    required(params, 'outcome');
    const outcome = oneOf(params, 'outcome', ['succeeded', 'failed']);
    const refund = this.refund(id);
    if (refund.status !== 'pending') throw new Refusal(400, { message: `This Refund has a status of ${refund.status}, so there is nothing to settle.` });
    refund.status = outcome;
    if (outcome === 'failed') {
      refund.failure_reason = 'unknown';
      this.#refunded(this.charges.get(refund.charge), -refund.amount);
    }
    this.#emit('refund.updated', refund, { status: 'pending' });
    if (outcome === 'failed') this.#emit('refund.failed', refund);
    return refund;
  }

  /** The intents of an order, by its id or its number, newest last. */
  intentsOf(order) {
    return [...this.intents.values()].filter(({ metadata }) => metadata.order_id === order || metadata.order_number === order);
  }

  /** The charges of an order that took money. */
  chargesOf(order) {
    const ids = new Set(this.intentsOf(order).map(({ id }) => id));
    return [...this.charges.values()].filter(({ payment_intent: id, captured }) => captured && ids.has(id));
  }

  /** The refunds of an order, but for those that failed. */
  refundsOf(order) {
    const ids = new Set(this.intentsOf(order).map(({ id }) => id));
    return [...this.refunds.values()].filter(({ payment_intent: id, status }) => status !== 'failed' && ids.has(id));
  }

  /** What was captured for an order and not given back, from the single movements. */
  balance(order) {
    const sum = (values) => values.reduce((total, value) => total + value, 0);
    return sum(this.chargesOf(order).map((charge) => charge.amount_captured)) - sum(this.refundsOf(order).map((refund) => refund.amount));
  }

  toJSON() {
    return Object.fromEntries(['intents', 'charges', 'refunds'].map((name) => [name, [...this[name]]]));
  }

  load(kept) {
    for (const name of ['intents', 'charges', 'refunds']) this[name] = new Map(kept[name]);
  }
}

const unexpected = (intent, message) =>
  new Refusal(400, { code: 'payment_intent_unexpected_state', message, payment_intent: intent });
