// `npm run deploy`: brings the account to what wrangler/*.jsonc say. Databases and queues that are
// missing are created, migrations applied, then every worker deployed, each after those it is bound
// to. Secrets are never read or sent, only named where absent. With --dry-run nothing but the local
// checks of a release is done: no account and no network are needed.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { checkArtifact } from './artifact.mjs';
import { at, configPath, PUBLIC_WORKER, ROOT } from './paths.mjs';
import { OPTIONAL_SECRETS, SECRET_NAMES } from './secrets.mjs';
import { ensureReady } from './setup.mjs';
import { main, run, Stop } from './steps.mjs';
import { deployOrder, parseJsonc, queuesOf, withoutScripts, withRealIds } from './deployment.mjs';
import { readConfigs } from './workers.mjs';

const WRANGLER = at('node_modules/wrangler/bin/wrangler.js');
const env = { ...process.env, WRANGLER_SEND_METRICS: 'false', WRANGLER_HIDE_BANNER: 'true' };
const wrangler = (args, options) => run(process.execPath, [WRANGLER, ...args], { cwd: ROOT, env, ...options });

async function dryRun(order) {
  const problems = [];
  for (const { name } of order) {
    // In full, because wrangler takes a relative folder from two places at once.
    const outdir = at('dist', name);
    rmSync(outdir, { recursive: true, force: true });
    await wrangler(['deploy', '--dry-run', '--config', configPath(name), '--outdir', outdir]);
    const { line, problem } = checkArtifact(name, outdir);
    console.log(`  ${line}`);
    if (problem) problems.push(problem);
  }
  if (problems.length > 0) throw new Stop(problems.join('\n'));
  console.log(`Queues that have to be there, and are created where they are not: ${queuesOf(order).join(', ')}.`);
  console.log(`Ready to deploy, in this order: ${order.map(({ name }) => name).join(', ')}.`);
}

async function requireLogin() {
  const { code } = await wrangler(['whoami', '--json'], { check: false });
  if (code === 0) return;
  throw new Stop('Not logged in to Cloudflare. Run `npx wrangler login`, or set CLOUDFLARE_API_TOKEN (and '
    + 'CLOUDFLARE_ACCOUNT_ID where the token sees several accounts), and run this again.');
}

async function databaseIds(order) {
  const wanted = new Set(order.flatMap(({ config }) => config.d1_databases.map((each) => each.database_name)));
  const list = async () => {
    const { output } = await wrangler(['d1', 'list', '--json']);
    return new Map(JSON.parse(output.slice(output.indexOf('['))).map(({ name, uuid }) => [name, uuid]));
  };
  const missing = [...wanted].filter(((present) => (name) => !present.has(name))(await list()));
  for (const name of missing) {
    console.log(`  creating the database ${name}`);
    await wrangler(['d1', 'create', name]);
  }
  return list();
}

async function createQueues(order) {
  // Lists of queues come in pages and as a drawn table, so each is asked for by its name.
  for (const name of queuesOf(order)) {
    if ((await wrangler(['queues', 'info', name], { check: false })).code === 0) continue;
    console.log(`  creating the queue ${name}`);
    await wrangler(['queues', 'create', name]);
  }
}

// The tracked files keep their placeholder ids; what is deployed is a copy with the account's own.
function writeConfig(name, ids, without = []) {
  const file = at('.orderlane/deploy', `${name}${without.length > 0 ? '-first' : ''}.json`);
  const config = withoutScripts(withRealIds(parseJsonc(readFileSync(configPath(name), 'utf8')), ids), without);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(config, null, 2)}\n`);
  return file;
}

async function nameMissingSecrets(order, files) {
  const missing = { required: [], optional: [] };
  for (const { name, config } of order) {
    const wanted = {
      required: config.secrets?.required ?? (name === PUBLIC_WORKER ? SECRET_NAMES : []),
      optional: OPTIONAL_SECRETS[name] ?? [],
    };
    if (wanted.required.length + wanted.optional.length === 0) continue;
    const { output } = await wrangler(['secret', 'list', '--config', files.get(name), '--format', 'json']);
    const present = new Set(JSON.parse(output.slice(output.indexOf('['))).map((each) => each.name));
    for (const [kind, names] of Object.entries(wanted)) {
      missing[kind].push(...names.filter((secret) => !present.has(secret))
        .map((secret) => `  npx wrangler secret put ${secret} --name ${config.name}`));
    }
  }
  if (missing.required.length > 0) {
    console.log(`\nThese secrets are not set yet, and requests that need them will be refused:\n${missing.required.join('\n')}`);
  }
  if (missing.optional.length > 0) {
    console.log(`\nThese are only for messages to vendors by WhatsApp:\n${missing.optional.join('\n')}`);
  }
}

const isThere = async (script) => (await wrangler(['deployments', 'list', '--name', script], { check: false })).code === 0;

// Workers that know each other cannot both be there before the other.
async function deployWorkers(order, later, files, ids) {
  const again = [];
  const deployed = new Set();
  for (const { name, config } of order) {
    const missing = [];
    for (const script of later.get(name) ?? []) {
      if (!deployed.has(script) && !await isThere(script)) missing.push(script);
    }
    console.log(`  deploying ${name}${missing.length > 0 ? `, for now without ${missing.join(' and ')}` : ''}`);
    const file = missing.length > 0 ? writeConfig(name, ids, missing) : files.get(name);
    await wrangler(['deploy', '--config', file], { echo: true });
    deployed.add(config.name);
    if (missing.length > 0) again.push(name);
  }
  for (const name of again) {
    console.log(`  deploying ${name}, whole`);
    await wrangler(['deploy', '--config', files.get(name)], { echo: true });
  }
}

async function deploy({ order, later }) {
  await requireLogin();
  const ids = await databaseIds(order);
  await createQueues(order);
  const files = new Map(order.map(({ name }) => [name, writeConfig(name, ids)]));
  const migrated = new Set();
  for (const { name, config } of order) {
    for (const { database_name: database, migrations_dir: folder } of config.d1_databases) {
      if (!folder || migrated.has(database)) continue;
      migrated.add(database);
      console.log(`  migrating ${database}`);
      await wrangler(['d1', 'migrations', 'apply', database, '--remote', '--config', files.get(name)]);
    }
  }
  await deployWorkers(order, later, files, ids);
  await nameMissingSecrets(order, files);
}

await main(async () => {
  const args = process.argv.slice(2);
  if (args.some((arg) => arg !== '--dry-run')) throw new Stop('usage: npm run deploy [-- --dry-run]');
  await ensureReady({ variant: 'release' });
  const plan = deployOrder(readConfigs());
  // What a dry run refuses must not be deployed either.
  await dryRun(plan.order);
  if (args.length === 0) await deploy(plan);
});
