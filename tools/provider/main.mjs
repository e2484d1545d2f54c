// The stand-in as `npm start` runs it beside the shop: its books are kept with the shop's data, and a
// small file there says where it listens, so that `npm run pay` finds it. It listens on the port after
// the shop's, or on any other where that one is taken; only a port that was asked for is insisted on.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { STATE_DIR } from '../paths.mjs';
import { Stop } from '../steps.mjs';
import { startProvider } from './stand-in.mjs';

const WEBHOOK_PATH = '/webhooks/payments';
// The shop may be starting anew, so it is given more time than a test needs.
const RETRY_DELAYS_MS = [500, 1000, 2000, 4000, 8000];

const addressFile = (folder) => path.join(folder, 'provider.json');

function wantedPort(shopPort, text) {
  if (text === undefined || text === '') return { port: shopPort < 65_535 ? shopPort + 1 : 0, insist: false };
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return { port, insist: true };
  throw new Stop(`PROVIDER_PORT must be a number from 1 to 65535, not "${text}".`);
}

/**
 * Starts the stand-in for a shop on `shopPort`. Once the shop is there, `announce(shopUrl)` tells the
 * stand-in where events go, and others where the stand-in is; no sooner, because a second start on
 * the same data is refused by then and must not speak for the first. `close` takes the address file
 * away; the books stay.
 */
export async function startLocalProvider({ shopPort, secrets, folder = STATE_DIR, wanted = process.env.PROVIDER_PORT, onLog }) {
  const options = {
    secretKey: secrets.STRIPE_SECRET_KEY, webhookSecret: secrets.STRIPE_WEBHOOK_SECRET,
    keepIn: path.join(folder, 'provider-books.json'), retryDelays: RETRY_DELAYS_MS, onLog,
  };
  const { port, insist } = wantedPort(shopPort, wanted);
  const provider = await startProvider({ ...options, port }).catch((error) => {
    if (error.code !== 'EADDRINUSE' && error.code !== 'EACCES') throw error;
    if (insist) throw new Stop(`Port ${port} cannot be used for the payment provider's stand-in (${error.code}). Choose another with PROVIDER_PORT.`);
    return startProvider({ ...options, port: 0 });
  });
  const forget = () => rmSync(addressFile(folder), { force: true });
  let announced = false;
  return {
    provider,
    url: provider.url,
    announce(shopUrl) {
      provider.webhookUrl = new URL(WEBHOOK_PATH, shopUrl).href;
      mkdirSync(folder, { recursive: true });
      writeFileSync(addressFile(folder), `${JSON.stringify({ url: provider.url })}\n`);
      announced = true;
      // A signal may end the process before anyone gets to close this.
      process.once('exit', forget);
    },
    async close() {
      process.off('exit', forget);
      if (announced) forget();
      await provider.close();
    },
  };
}

/** Where the stand-in of the running shop listens, or undefined where none runs. */
export function localProviderUrl(folder = STATE_DIR) {
  try {
    return JSON.parse(readFileSync(addressFile(folder), 'utf8')).url;
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}
