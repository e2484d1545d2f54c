// The secrets of the local system: made up at first run, kept in wrangler/.dev.vars (which git
// ignores and `wrangler dev` reads too), never printed.
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { SECRETS_FILE } from './paths.mjs';

export const SECRET_NAMES = ['JWT_SECRET', 'SCRAPE_TOKEN'];

export const makeSecrets = () =>
  Object.fromEntries(SECRET_NAMES.map((name) => [name, randomBytes(32).toString('base64url')]));

function read() {
  try {
    return readFileSync(SECRETS_FILE, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return '';
    throw error;
  }
}

function parse(text) {
  const lines = text.split('\n').map((line) => /^([A-Z][A-Z0-9_]*)=(.*)$/.exec(line.trim()));
  return Object.fromEntries(lines.filter(Boolean).map(([, name, value]) => [name, value.replace(/^(["'])(.*)\1$/, '$2')]));
}

/** All secrets by name; those that are missing are made and written down first. */
export function ensureSecrets() {
  const text = read();
  const present = parse(text);
  const missing = Object.entries(makeSecrets()).filter(([name]) => !present[name]);
  if (missing.length === 0) return present;
  const kept = text === '' || text.endsWith('\n') ? text : `${text}\n`;
  const lines = missing.map(([name, value]) => `${name}=${value}\n`).join('');
  writeFileSync(SECRETS_FILE, kept + lines, { mode: 0o600 });
  return { ...present, ...Object.fromEntries(missing) };
}
