// `npm run pay -- <payment intent id, order id or order number> [pay|decline|delay|settle]`: does at the
// stand-in of the running shop what the shopper would do on its page, and says what came of it.
// `settle` ends a payment that was delayed, and takes `failed` beside it where the bank shall refuse.
import { main, Stop } from '../steps.mjs';
import { localProviderUrl } from './main.mjs';
import { money } from './page.mjs';
import { confirmIntent, findIntent, METHODS, settleIntent } from './shopper.mjs';

const USAGE = 'usage: npm run pay -- <payment intent, order id or order number> [pay|decline|delay|settle [succeeded|failed]]';
const NOT_RUNNING = "The payment provider's stand-in does not run. Start the shop first: npm start";

await main(async () => {
  const [name, action = 'pay', outcome, ...rest] = process.argv.slice(2);
  const outcomes = action === 'settle' ? [undefined, 'succeeded', 'failed'] : [undefined];
  if (!name || !(action in METHODS || action === 'settle') || !outcomes.includes(outcome) || rest.length > 0) throw new Stop(USAGE);
  const url = localProviderUrl();
  const intent = url && await findIntent(url, name).catch((error) => {
    if (error.cause?.code === 'ECONNREFUSED') throw new Stop(`${NOT_RUNNING} (${url} does not answer.)`);
    throw error;
  });
  if (!intent) throw new Stop(url ? `The payment provider's stand-in at ${url} knows no payment for ${name}.` : NOT_RUNNING);
  const { json } = action === 'settle' ? await settleIntent(url, intent, outcome) : await confirmIntent(url, intent, METHODS[action]);
  const now = json.error?.payment_intent ?? json;
  if (json.error) {
    // A card that was to be declined and is, is no failure of this command.
    if (action !== 'decline' || json.error.code !== 'card_declined') throw new Stop(json.error.message);
    console.log(json.error.message);
  }
  console.log(`${now.id} over ${money(now.amount, now.currency)}: ${now.status}`);
});
