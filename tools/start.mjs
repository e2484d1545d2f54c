// `npm start`: gets everything ready, runs the whole system on http://localhost:8787 (or PORT) with
// its data in .orderlane/state, beside it a stand-in for the payment provider, so that cards can be
// charged without one, fills it with demo data at the first start, and ends its preamble with one
// line that says where it is. The workers' log lines follow on stdout, as they are.
import { once } from 'node:events';
import { createServer } from 'node:net';
import { seedDemo } from './demo.mjs';
import { STATE_DIR } from './paths.mjs';
import { startLocalProvider } from './provider/main.mjs';
import { startRuntime } from './runtime.mjs';
import { ensureReady } from './setup.mjs';
import { main, step, Stop } from './steps.mjs';

const DEFAULT_PORT = 8787;

// Nothing leaves this machine by these: mails are shown in the log, and endpoints may be right here.
const HERE = { MAIL_FROM: 'shop@example.com', WEBHOOK_ALLOW_LOCAL: 'true' };

function wantedPort() {
  const port = Number(process.env.PORT ?? DEFAULT_PORT);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new Stop(`PORT must be a number from 1 to 65535, not "${process.env.PORT}".`);
}

// Found out before the long steps rather than after them.
async function requireFree(port) {
  const probe = createServer().listen(port, '127.0.0.1');
  try {
    await once(probe, 'listening');
  } catch (error) {
    const reason = error.code === 'EADDRINUSE' ? 'is taken' : `cannot be used (${error.code})`;
    throw new Stop(`Port ${port} ${reason}. Stop what uses it, or choose another: PORT=${port + 10} npm start`);
  }
  await new Promise((resolve) => { probe.close(resolve); });
}

// Whoever wrote the address of a provider beside the secrets wants that one, and no stand-in.
async function providerBeside(port, secrets, onLog) {
  if (secrets.PAYMENT_PROVIDER_URL) return { url: secrets.PAYMENT_PROVIDER_URL, announce() {}, close() {} };
  return startLocalProvider({ shopPort: port, secrets, onLog });
}

function greet(url, provider) {
  console.log(`\nOrderlane is ready at ${url}, its payment provider at ${provider.url}\n
  curl ${url}/health
  curl ${url}/products
  curl -H "Authorization: Bearer $(npm run -s token -- customer alice)" ${url}/cart
`);
}

await main(async () => {
  const port = wantedPort();
  await requireFree(port);
  const secrets = await ensureReady();
  const stopped = new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, resolve);
  });
  const onLog = (line) => process.stdout.write(`${line}\n`);
  const provider = await providerBeside(port, secrets, onLog);
  let rt;
  try {
    // What is written beside the secrets comes first.
    const here = Object.fromEntries(Object.entries(HERE).filter(([name]) => !(name in secrets)));
    const vars = { notices: here, payments: { PAYMENT_PROVIDER_URL: provider.url, PAYMENT_PAGE_URL: provider.url } };
    rt = await step('starting the workers', () => startRuntime({ persist: STATE_DIR, port, secrets, vars, onLog }));
    provider.announce(rt.url);
    if (await seedDemo(rt)) console.error('  demo data: imported');
    greet(`http://localhost:${port}`, provider);
    await stopped;
  } finally {
    await rt?.close();
    await provider.close();
  }
});
// What Miniflare leaves behind must not keep a stopped system in the terminal.
process.exit();
