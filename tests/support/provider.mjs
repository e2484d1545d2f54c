// The payment provider as tests have it: the stand-in of tools/provider with keys of its own, which is
// there before the shop, because the shop is told its address and it is told the shop's.
import Stripe from 'stripe';
import { startProvider } from '../../tools/provider/stand-in.mjs';
import { makeSecrets } from '../../tools/secrets.mjs';

export { confirmIntent, METHODS, payUrl, settleIntent, settleRefund } from '../../tools/provider/shopper.mjs';

/** Retried soon, so that no test waits long for what is given up. */
const SOON_MS = [20, 60, 180];

/** The header as the provider's own library writes it, so that nothing is believed because both sides err alike. */
const signed = (payload, secret, timestamp) => Stripe.webhooks.generateTestHeaderString({ payload, secret, timestamp });

/** Starts a stand-in that signs with the provider's own library. Its `secrets` are for the shop; `webhookUrl` is set once the shop is open. */
export async function openProvider({ secrets = makeSecrets(), ...options } = {}) {
  const provider = await startProvider({
    secretKey: secrets.STRIPE_SECRET_KEY, webhookSecret: secrets.STRIPE_WEBHOOK_SECRET, retryDelays: SOON_MS, sign: signed, ...options,
  });
  return Object.assign(provider, { secrets });
}

/** The provider's own library, asking the stand-in; without retries, so that a test sees each answer. */
export const clientOf = ({ port, secretKey }, key = secretKey) =>
  new Stripe(key, { host: '127.0.0.1', port, protocol: 'http', maxNetworkRetries: 0, telemetry: false });

let orders = 0;
export const newOrder = () => `order-${orders += 1}`;

/** What an intent for an order is made with. */
export const bodyFor = (order, amount = 1999) =>
  ({ amount, currency: 'eur', metadata: { order_id: order, order_number: `N-${order}` }, automatic_payment_methods: { enabled: true } });

/** An intent made past the library, for what that would tidy up: the response as it is. */
export const createPlainly = ({ url, secretKey }, order, key) => fetch(`${url}/v1/payment_intents`, {
  method: 'POST', headers: { authorization: `Bearer ${secretKey}`, 'idempotency-key': key },
  body: new URLSearchParams({ amount: 5, currency: 'eur', 'metadata[order_id]': order }),
});

/** The events that were made of one type, in order. */
export const eventsOf = (provider, type) => provider.deliveries.filter((delivery) => delivery.type === type).map(({ event }) => event);
