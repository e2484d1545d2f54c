// Applies the migrations of every bound database through its D1 binding, in the order and with the
// bookkeeping of `wrangler d1 migrations apply`, so that either may go on where the other stopped.
// Each file is one transaction together with the row that says it was applied.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { configPath } from './paths.mjs';
import { Stop } from './steps.mjs';
import { splitSql } from './workers.mjs';

const CREATE_LEDGER = `CREATE TABLE IF NOT EXISTS "d1_migrations"(
		id         INTEGER PRIMARY KEY AUTOINCREMENT,
		name       TEXT UNIQUE,
		applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
);`;

const numberOf = (file) => Number.parseInt(file, 10);

function migrationFiles(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((file) => file.endsWith('.sql'))
    .sort((a, b) => numberOf(a) - numberOf(b) || (a < b ? -1 : 1));
}

async function applyTo(database, folder) {
  const files = migrationFiles(folder);
  if (files.length === 0) return;
  await database.prepare(CREATE_LEDGER).run();
  const { results } = await database.prepare('SELECT name FROM d1_migrations').all();
  const applied = new Set(results.map(({ name }) => name));
  for (const file of files.filter((each) => !applied.has(each))) {
    const statements = splitSql(readFileSync(path.join(folder, file), 'utf8'));
    try {
      await database.batch([
        ...statements.map((sql) => database.prepare(sql)),
        database.prepare('INSERT INTO d1_migrations (name) VALUES (?)').bind(file),
      ]);
    } catch (error) {
      throw new Stop(`The migration ${path.basename(folder)}/${file} failed: ${error.message}`);
    }
  }
}

/** Applies what is missing, to each database once; `open(worker, binding)` gives the database. */
export async function applyMigrations(configs, open) {
  const seen = new Set();
  const work = [];
  for (const { name, config } of configs) {
    for (const { binding, database_id: id, migrations_dir: folder } of config.d1_databases ?? []) {
      if (!folder || seen.has(id)) continue;
      seen.add(id);
      const full = path.resolve(path.dirname(configPath(name)), folder);
      work.push(open(name, binding).then((database) => applyTo(database, full)));
    }
  }
  await Promise.all(work);
}
