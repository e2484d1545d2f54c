// Requests that schemathesis makes up from openapi.json, good ones and bad ones, sent to a real shop
// as somebody of each role: nothing may be a 5xx, be answered otherwise than described, be refused
// though it is good or taken though it is bad, or be open to who has no token.
//
//   npm run fuzz:schema                  some minutes, several thousand requests
//   npm run fuzz:schema -- quick 7       what `npm test` runs, with another seed than its own
//
// Each role is a run of its own, over the operations that it may call; what no role opens is one more.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { at } from '../../tools/paths.mjs';
import { atRest } from '../support/invariants.mjs';
import { documentFor } from './document.mjs';
import { openThings } from './things.mjs';

/** Made-up requests for each operation, beside those that follow from the bounds in its schemas. */
const EXAMPLES = { quick: 5, full: 40 };
const SEED = 20_260;
const REQUEST_SECONDS = 30;

/** Who asks, the one who breaks most last. */
const RUNS = ['nobody', 'driver', 'customer', 'vendor', 'service', 'admin'];

const wantedBy = {
  nobody: (operation) => !operation['x-roles'],
  // What a driver may, and one that is refused from each area: who may call what is tested route by route elsewhere.
  driver: (operation) => operation['x-roles']?.includes('driver') || ['cart', 'orders', 'credit', 'stock', 'vendors', 'offers', 'stats'].includes(operation.operationId),
};

// A check is meaningless for nothing here; but what schemas cannot say is refused with these:
// 409 and 422 where things stand otherwise, 404 where there are none, 403 to the wrong role.
const GOOD_MAY_GET = ['2xx', '401', '403', '404', '409', '422', '429'];

/** The configuration of a run, which holds its credentials: its file is gone with the run. */
function configOf(who, { people, shop }) {
  const { SCRAPE_TOKEN, WHATSAPP_VERIFY_TOKEN } = shop.rt.secrets;
  const auth = who === 'nobody'
    ? { scrape: { bearer: SCRAPE_TOKEN }, messengerWord: { api_key: WHATSAPP_VERIFY_TOKEN } }
    : { token: { bearer: people[who].token } };
  const lines = [
    `hooks = ${JSON.stringify(at('tests/schema/hooks.py'))}`, 'continue-on-failure = true', `request-timeout = ${REQUEST_SECONDS}`,
    '[output.sanitization]', 'enabled = true',
    '[checks.positive_data_acceptance]', `expected-statuses = ${JSON.stringify(GOOD_MAY_GET)}`,
    ...Object.entries(auth).flatMap(([scheme, fields]) => [`[auth.openapi.${scheme}]`, ...Object.entries(fields).map(([key, value]) => `${key} = ${JSON.stringify(value)}`)]),
  ];
  return `${lines.join('\n')}\n`;
}

/** What the hooks want to know. */
function thingsOf(who, { people, shop, ids, device, outside }) {
  const { WHATSAPP_APP_SECRET, STRIPE_WEBHOOK_SECRET } = shop.rt.secrets;
  return JSON.stringify({
    role: who, token: people[who]?.token, url: shop.url, sku: ids.sku[1], vendors: ids.vendor, warehouses: ids.warehouse, device, outside,
    secrets: { WHATSAPP_APP_SECRET, STRIPE_WEBHOOK_SECRET },
  });
}

function start(program, args, options) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, options);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => { output += text; });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output }));
  });
}

async function runAs(who, things, { program, size, seed, folder }) {
  const { shop, ids, spare, offered } = things;
  const wanted = wantedBy[who] ?? ((operation) => operation['x-roles']?.includes(who));
  const known = who === 'vendor' ? { ...ids, order: offered } : ids;
  const file = (name) => path.join(folder, `${who}-${name}`);
  writeFileSync(file('openapi.json'), JSON.stringify(documentFor({ ids: known, spare, wanted })));
  writeFileSync(file('config.toml'), configOf(who, things), { mode: 0o600 });
  const { code, output } = await start(program, [
    '--config-file', file('config.toml'), 'run', file('openapi.json'), '--url', shop.url, '--checks', 'all',
    '--phases', 'examples,coverage,fuzzing,stateful', '--max-examples', String(EXAMPLES[size]), '--seed', String(seed),
    '--generation-database', 'none', '--no-color', '--warnings', 'off', '--report', 'json', '--report-json-path', file('report.json'),
  ], { cwd: folder, env: { ...process.env, SCHEMA_THINGS: thingsOf(who, things) } });
  let report;
  try {
    report = JSON.parse(readFileSync(file('report.json'), 'utf8'));
  } catch {
    return { code: code || 1, output };
  }
  return { code, output, report };
}

/** Requests that the shop has answered so far, by its own count. */
async function answered(shop) {
  const { json } = await shop.admin.get('/stats');
  return Object.entries(json.counters).filter(([name]) => name.startsWith('requests{')).reduce((sum, [, count]) => sum + count, 0);
}

/** What the shop itself must say after all of it. */
async function troubles({ shop }) {
  await atRest(shop);
  const errors = shop.logs.filter(({ line, level }) => level === 'error' || line?.level === 'error').map(({ text }) => text);
  const { drift } = await shop.audit();
  return [...shop.panics().map(({ text }) => text), ...errors.slice(0, 10), ...(drift === 0 ? [] : [`the stock audit finds ${drift}`])];
}

/** Runs all of it with `program` and resolves to `{ passed, failed }`, in operations. */
export async function fuzzSchema({ program, size = 'quick', seed = SEED, say = console.log }) {
  const folder = mkdtempSync(path.join(tmpdir(), 'orderlane-schema-'));
  const started = Date.now();
  const things = await openThings();
  const total = { passed: 0, failed: 0 };
  try {
    for (const who of RUNS) {
      const { code, output, report } = await runAs(who, things, { program, size, seed, folder });
      const tested = report?.operations.tested ?? 0;
      const bad = new Set(report?.failures.flatMap(({ operations }) => operations) ?? []).size;
      // A run that ended badly without naming an operation failed as a whole, and so did one that did nothing.
      const failed = Math.max(bad, code !== 0 || tested === 0 ? 1 : 0);
      total.passed += Math.max(tested - failed, 0);
      total.failed += failed;
      say(`  ${who}: ${tested} operations, ${report?.test_cases.generated ?? 0} requests made up (seed ${seed})${failed > 0 ? `, ${failed} FAILED` : ''}`);
      if (failed > 0) say(output);
    }
    const found = await troubles(things);
    if (found.length > 0) say(`  the shop itself complains:\n${found.join('\n')}`);
    total[found.length > 0 ? 'failed' : 'passed'] += 1;
    say(`  ${await answered(things.shop)} requests answered in ${Math.round((Date.now() - started) / 1000)} s`);
  } finally {
    await things.close();
    rmSync(folder, { recursive: true, force: true });
  }
  return total;
}
