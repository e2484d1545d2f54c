// Reads wrangler/*.jsonc, the one truth about bindings, objects, databases and variables, and
// says it again in the words of Miniflare, which runs the workers locally. wrangler's own
// translation is used, so that a kind of binding added later works here without a change.
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { BUILD_DIRS, configPath, PUBLIC_WORKER, workerNames } from './paths.mjs';
import { OPTIONAL_SECRETS, SECRET_NAMES } from './secrets.mjs';
import { Stop } from './steps.mjs';

const require = createRequire(import.meta.url);
const wrangler = require('wrangler');
// wrangler's own copy is the one that fits it, and the only one that is pinned.
export const miniflare = createRequire(require.resolve('wrangler'))('miniflare');
export const { unstable_splitSqlQuery: splitSql } = wrangler;

/** Every worker: its short name, and its configuration as wrangler understands it. */
export const readConfigs = () => workerNames().map((name) => ({
  name, config: wrangler.unstable_readConfig({ config: configPath(name) }, { hideWarnings: true }),
}));

/** The name a worker goes by in bindings: `cart` is `orderlane-cart`. */
export function scriptName(configs, name) {
  const found = configs.find((each) => each.name === name);
  if (!found) throw new Stop(`There is no worker "${name}"; there are ${configs.map((each) => each.name).join(', ')}.`);
  return found.config.name;
}

// As `wrangler dev` has it: a worker gets the secrets its configuration asks for, or all where it
// does not say, and what is written beside them may replace a variable it has. Besides, it gets
// those that it could do without.
function secretsFor(name, config, secrets) {
  const wanted = [...config.secrets?.required ?? SECRET_NAMES, ...OPTIONAL_SECRETS[name] ?? [], ...Object.keys(config.vars)];
  return Object.fromEntries(Object.entries(secrets).filter(([secret]) => wanted.includes(secret)));
}

function modulesOf(name, config, variant) {
  const main = path.resolve(path.dirname(configPath(name)), config.main);
  const folder = path.join(path.dirname(path.dirname(main)), BUILD_DIRS[variant]);
  let files;
  try {
    files = readdirSync(folder);
  } catch {
    throw new Stop(`The worker ${name} is not built (${variant}). Run: npm run setup -- ${variant}`);
  }
  const wasm = files.filter((file) => file.endsWith('.wasm')).map((file) => ({ type: 'CompiledWasm', file }));
  const modules = [{ type: 'ESModule', file: path.basename(main) }, ...wasm];
  return {
    modulesRoot: folder,
    modules: modules.map(({ type, file }) => ({ type, path: path.join(folder, file) })),
  };
}

/**
 * The workers as Miniflare options. `vars` holds, by worker or under `*` for all, what replaces
 * the variables of the configuration; `direct` names workers that get a socket of their own.
 */
export function miniflareWorkers({ configs, variant, secrets, vars = {}, direct = [], port }) {
  for (const name of Object.keys(vars)) if (name !== '*') scriptName(configs, name);
  for (const name of direct) scriptName(configs, name);
  const order = (name) => (name === PUBLIC_WORKER ? 0 : 1);
  return [...configs].sort((a, b) => order(a.name) - order(b.name)).flatMap(({ name, config }) => {
    // Secrets are given below; this keeps wrangler from looking for them, and talking of it, itself.
    const { workerOptions, externalWorkers } = wrangler.unstable_getMiniflareWorkerOptions(
      { ...config, secrets: undefined }, undefined, { envFiles: ['none'] });
    const { modulesRules, ...options } = workerOptions;
    const worker = {
      ...options,
      ...modulesOf(name, config, variant),
      name: config.name,
      bindings: { ...config.vars, ...secretsFor(name, config, secrets), ...vars['*'], ...vars[name] },
    };
    // A socket of its own lets requests reach the worker without passing Miniflare's entry worker,
    // which costs more than the worker itself.
    if (name === PUBLIC_WORKER) worker.unsafeDirectSockets = [{ host: '127.0.0.1', port }];
    else if (direct.includes(name)) worker.unsafeDirectSockets = [{ host: '127.0.0.1', port: 0 }];
    return [worker, ...externalWorkers];
  });
}
