// The reckoning behind a deploy, free of wrangler and the network: in which order workers go, which
// queues they want, and what a configuration looks like once an account has given its databases
// their ids.
import { Stop } from './steps.mjs';

const needs = (config) => [
  ...(config.services ?? []).map(({ service }) => service),
  ...(config.durable_objects?.bindings ?? []).map(({ script_name: script }) => script),
].filter((script) => script && script !== config.name);

/**
 * Orders workers so that each comes after those it is bound to, because an account refuses a
 * binding to a worker it does not have. Two that are bound to each other cannot both come first:
 * `later` names, by worker, the scripts that come after it, so that on an account that does not
 * have them yet it is deployed without, and once more in the end.
 */
export function deployOrder(workers) {
  const byScript = new Map(workers.map((worker) => [worker.config.name, worker]));
  const order = [];
  const later = new Map();
  const visit = (worker, trail) => {
    for (const script of needs(worker.config).sort()) {
      const other = byScript.get(script);
      if (!other) throw new Stop(`${worker.name} is bound to ${script}, which no file in wrangler/ names.`);
      if (order.includes(other)) continue;
      if (trail.includes(other)) later.set(worker.name, [...new Set([...later.get(worker.name) ?? [], script])]);
      else visit(other, [...trail, other]);
    }
    order.push(worker);
  };
  for (const worker of workers) if (!order.includes(worker)) visit(worker, [worker]);
  return { order, later };
}

/** The queues that these workers fill and empty, and those where messages end, each once. */
export function queuesOf(workers) {
  const names = workers.flatMap(({ config: { queues } }) => [
    ...(queues?.producers ?? []).map(({ queue }) => queue),
    ...(queues?.consumers ?? []).flatMap(({ queue, dead_letter_queue: dead }) => [queue, dead]),
  ]);
  return [...new Set(names.filter(Boolean))];
}

/** A configuration that does without what is bound to these scripts. */
export function withoutScripts(config, scripts) {
  const keep = (script) => !scripts.includes(script);
  const { services, durable_objects: objects, ...rest } = config;
  return {
    ...rest,
    ...(services && { services: services.filter(({ service }) => keep(service)) }),
    ...(objects && { durable_objects: { ...objects, bindings: objects.bindings.filter((each) => keep(each.script_name)) } }),
  };
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
