// Puts the demo catalogue into a fresh local system, through the public door like anyone else, and
// remembers that it did. Without demo/catalogue.json there is nothing to do.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { at, STATE_DIR } from './paths.mjs';
import { Stop } from './steps.mjs';
import { mintToken } from './token.mjs';

const CATALOGUE = at('demo/catalogue.json');
// Beside the data it speaks of, so that the two are removed together.
const MARKER = path.join(STATE_DIR, 'demo-seeded');
const SHOWN = 500;

/** Seeds once; resolves to whether it did anything. */
export async function seedDemo(rt) {
  if (!existsSync(CATALOGUE) || existsSync(MARKER)) return false;
  const token = mintToken({ role: 'admin', id: 'demo-seeder', ttlSeconds: 300, secret: rt.secrets.JWT_SECRET });
  const response = await fetch(`${rt.url}/api/admin/import`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'idempotency-key': 'demo-catalogue',
    },
    body: readFileSync(CATALOGUE),
  });
  if (!response.ok) {
    const text = (await response.text()).slice(0, SHOWN);
    throw new Stop(`The demo catalogue was refused with ${response.status}: ${text}`);
  }
  writeFileSync(MARKER, `${new Date().toISOString()}\n`);
  return true;
}
