// What a shopper does at the running stand-in, over HTTP: finds the payment, pays, is declined, pays
// in a way that takes its time. For `npm run pay` and for tests.

/** What a shopper may choose, by the payment method of the provider's test mode that does it. */
export const METHODS = { pay: 'pm_card_visa', decline: 'pm_card_chargeDeclined', delay: 'pm_delayed' };

async function ask(url, path, fields) {
  const response = await fetch(`${url}${path}`, fields && { method: 'POST', body: new URLSearchParams(fields) });
  return { status: response.status, json: await response.json() };
}

/** The payment intent of that id, or the newest of the order of that id or number; undefined where there is none. */
export async function findIntent(url, name) {
  if (name.startsWith('pi_')) {
    const { status, json } = await ask(url, `/local/intents/${encodeURIComponent(name)}`);
    return status === 200 ? json : undefined;
  }
  const { json } = await ask(url, `/local/intents?${new URLSearchParams({ order: name })}`);
  return json.at(-1);
}

/** Confirms with the client secret, as a browser does: `{ status, json }`. */
export const confirmIntent = (url, { id, client_secret }, payment_method = METHODS.pay) =>
  ask(url, `/v1/payment_intents/${id}/confirm`, { client_secret, payment_method });

/** Ends a payment that took its time: 'succeeded' or 'failed'. */
export const settleIntent = (url, { id }, outcome = 'succeeded') => ask(url, `/local/intents/${id}/settle`, { outcome });

/** Ends a refund that is pending, in the same way. */
export const settleRefund = (url, { id }, outcome = 'succeeded') => ask(url, `/local/refunds/${id}/settle`, { outcome });

/** Where the shopper can do all this with a mouse. */
export const payUrl = (url, { id, client_secret }) => `${url}/pay/${id}?${new URLSearchParams({ client_secret })}`;
