// The books of the stand-in on disk, for `npm start`: an order that was paid yesterday can be given its
// money back today. One file, written whole after each change and put in place by renaming, so that a
// crash leaves the old or the new one. Deliveries that were still under way are not in it: they are lost
// with the process, as deliveries may be, and the shop has to do without them.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const VERSION = 1;

/** Takes up what an earlier run left, if it left anything. */
export function loadBooks(file, { ledger, keys, events }) {
  let text;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return;
    throw error;
  }
  const kept = JSON.parse(text);
  if (kept.version !== VERSION) return;
  ledger.load(kept.ledger);
  keys.load(kept.keys);
  for (const [id, event] of kept.events) events.set(id, event);
}

export function saveBooks(file, { ledger, keys, events }) {
  mkdirSync(path.dirname(file), { recursive: true });
  const draft = `${file}.new`;
  writeFileSync(draft, JSON.stringify({ version: VERSION, ledger, keys, events: [...events] }), { mode: 0o600 });
  renameSync(draft, file);
}
