// The reckoning behind a deploy, free of wrangler and the network: in which order workers go, and
// what a configuration looks like once an account has given its databases their ids.
import { Stop } from './steps.mjs';

const needs = (config) => [
  ...(config.services ?? []).map(({ service }) => service),
  ...(config.durable_objects?.bindings ?? []).map(({ script_name: script }) => script),
].filter((script) => script && script !== config.name);

/**
 * Orders workers so that each comes after those it is bound to, because an account refuses a
 * binding to a worker it does not have. A circle could not be deployed to a fresh account.
 */
export function deployOrder(workers) {
  const byScript = new Map(workers.map((worker) => [worker.config.name, worker]));
  const order = [];
  const visit = (worker, trail) => {
    if (order.includes(worker)) return;
    const path = [...trail, worker.name];
    if (trail.includes(worker.name)) throw new Stop(`Workers are bound in a circle: ${path.join(' -> ')}.`);
    for (const script of needs(worker.config).sort()) {
      const other = byScript.get(script);
      if (!other) throw new Stop(`${worker.name} is bound to ${script}, which no file in wrangler/ names.`);
      visit(other, path);
    }
    order.push(worker);
  };
  for (const worker of workers) visit(worker, []);
  return order;
}

// Strings are matched first and kept, so that what looks like a comment inside one is not taken away.
const STRING_OR = (pattern) => new RegExp(`("(?:\\\\.|[^"\\\\])*")|${pattern}`, 'g');

/** Parses JSON with comments and trailing commas. */
export function parseJsonc(text) {
  const bare = text.replace(STRING_OR('//[^\\n]*|/\\*[\\s\\S]*?\\*/'), (_, string) => string ?? '');
  return JSON.parse(bare.replace(STRING_OR(',(?=\\s*[}\\]])'), (_, string) => string ?? ''));
}

// The copy lies one folder deeper than the original.
function deeper(value) {
  if (typeof value === 'string') return value.startsWith('../') ? `../${value}` : value;
  if (Array.isArray(value)) return value.map(deeper);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, deeper(inner)]));
}

/**
 * A configuration with the account's database ids by name, to be written to .orderlane/deploy.
 * The list of required secrets is left out: wrangler would refuse to deploy a worker for the first
 * time before they are set, and to set them before the worker is there.
 */
export function withRealIds({ $schema, secrets, ...config }, ids) {
  const databases = (config.d1_databases ?? []).map((each) => {
    const id = ids.get(each.database_name);
    if (!id) throw new Stop(`The account has no database ${each.database_name}.`);
    return { ...each, database_id: id };
  });
  return deeper(config.d1_databases ? { ...config, d1_databases: databases } : config);
}
