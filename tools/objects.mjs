// Reads the SQLite files of Durable Objects from outside, for tests that must see what is durable
// rather than what an object says of itself. Read-only, and safe beside a running workerd: the
// files are in WAL mode.
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

const BUSY_MS = 5_000;

function queryOne(file, sql, params) {
  // An object that leaves memory tidies its file up, and has it for itself while it does.
  const database = new DatabaseSync(file, { readOnly: true, timeout: BUSY_MS });
  try {
    const id = path.basename(file, '.sqlite');
    return database.prepare(sql).all(...params).map((row) => ({ object_id: id, ...row }));
  } catch (error) {
    // An object that was named but never constructed has no tables.
    if (error.message.startsWith('no such table')) return [];
    throw error;
  } finally {
    database.close();
  }
}

/** The rows `sql` gives over all objects whose files lie in `folder`. */
export function queryObjects(folder, sql, params) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((file) => /^[0-9a-f]{64}\.sqlite$/.test(file))
    .flatMap((file) => queryOne(path.join(folder, file), sql, params));
}
