// The page on which a shopper pays at the stand-in: one page of plain HTML, with nothing from elsewhere,
// that does what the provider's script does in a shop: it confirms the intent with its client secret
// and says what came of it. It can be used with a keyboard alone, and what changes is announced.
import { randomBytes } from 'node:crypto';

const NAMED = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escape = (text) => String(text).replace(/[&<>"']/g, (letter) => NAMED[letter]);

/** An amount in minor units, as people write it. */
export function money(amount, currency) {
  const format = new Intl.NumberFormat('en', { style: 'currency', currency });
  return format.format(amount / 10 ** format.resolvedOptions().maximumFractionDigits);
}

const STYLE = `
  body { font: 1.125rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a; background: #fff; }
  dt { font-weight: bold; } dd { margin: 0 0 .5rem; overflow-wrap: anywhere; }
  button { font: inherit; min-height: 2.75rem; padding: .4rem 1.2rem; margin: 0 .5rem .5rem 0; border: 2px solid #1a1a1a; border-radius: .4rem; background: #fff; color: inherit; cursor: pointer; }
  button.first { background: #1a4d8f; border-color: #1a4d8f; color: #fff; }
  button:disabled { opacity: .5; cursor: default; } :focus-visible { outline: 3px solid #b35900; outline-offset: 2px; }
  [role=status] { min-height: 3rem; font-weight: bold; }`;

// What an intent's status means to the shopper. The buttons that make sense are shown, no others.
const SCRIPT = `
  const { id, secret, status, error } = JSON.parse(document.getElementById('intent').textContent);
  const said = document.getElementById('said');
  const words = {
    requires_payment_method: 'Not paid yet.', processing: 'The payment is under way; the bank has not decided yet.',
    succeeded: 'Paid. Thank you.', canceled: 'This payment was cancelled. Nothing was charged.',
  };
  const show = (now, problem) => {
    said.textContent = problem ? problem + ' Nothing was charged.' : words[now];
    document.getElementById('paying').hidden = now !== 'requires_payment_method';
    document.getElementById('settling').hidden = now !== 'processing';
  };
  const ask = async (path, fields) => {
    const buttons = [...document.querySelectorAll('button')];
    for (const button of buttons) button.disabled = true;
    said.textContent = 'One moment …';
    try {
      const answer = await (await fetch(path, { method: 'POST', body: new URLSearchParams(fields) })).json();
      const intent = answer.error ? answer.error.payment_intent : answer;
      if (!intent) throw new Error(answer.error.message);
      show(intent.status, intent.last_payment_error && intent.last_payment_error.message);
    } catch (failure) {
      said.textContent = 'That did not work: ' + failure.message;
    }
    for (const button of buttons) button.disabled = false;
    said.focus();
  };
  for (const button of document.querySelectorAll('[data-method]')) {
    button.onclick = () => ask('/v1/payment_intents/' + id + '/confirm', { client_secret: secret, payment_method: button.dataset.method });
  }
  for (const button of document.querySelectorAll('[data-outcome]')) {
    button.onclick = () => ask('/local/intents/' + id + '/settle', { outcome: button.dataset.outcome });
  }
  show(status, error);`;

function pageOf({ id, amount, currency, metadata, client_secret: secret, status, last_payment_error: error }, nonce) {
  const order = metadata.order_number ?? metadata.order_id;
  // Inside a script element nothing but this letter can end it.
  const data = JSON.stringify({ id, secret, status, error: error?.message ?? null }).replaceAll('<', '\\u003c');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Pay ${escape(money(amount, currency))}</title>
<style nonce="${nonce}">${STYLE}</style>
</head>
<body>
<main>
<h1>Pay ${escape(money(amount, currency))}</h1>
<p>This is a stand-in on your own machine. No money moves.</p>
<dl>${order ? `<dt>Order</dt><dd>${escape(order)}</dd>` : ''}<dt>Payment</dt><dd>${escape(id)}</dd></dl>
<p id="said" role="status" tabindex="-1"></p>
<div id="paying" role="group" aria-label="How the payment shall end" hidden>
<button type="button" class="first" data-method="pm_card_visa">Pay</button>
<button type="button" data-method="pm_card_chargeDeclined">Decline</button>
<button type="button" data-method="pm_delayed">Pay later</button>
</div>
<div id="settling" role="group" aria-label="What the bank decides" hidden>
<button type="button" class="first" data-outcome="succeeded">The bank pays</button>
<button type="button" data-outcome="failed">The bank refuses</button>
</div>
<noscript><p>This page needs JavaScript. Without it: npm run pay -- ${escape(id)}</p></noscript>
</main>
<script type="application/json" id="intent">${data}</script>
<script nonce="${nonce}">${SCRIPT}</script>
</body>
</html>
`;
}

/** Answers with the page; who does not have the client secret learns nothing, not even that the intent is there. */
export function payPage(response, intent, secret) {
  const found = intent?.client_secret === secret && intent;
  const nonce = randomBytes(16).toString('base64url');
  response.writeHead(found ? 200 : 404, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': `default-src 'none'; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
  });
  response.end(found ? pageOf(found, nonce) : '<!doctype html><html lang="en"><title>Not found</title><main><h1>There is no such payment</h1><p>Look at the address again.</p></main></html>\n');
}
