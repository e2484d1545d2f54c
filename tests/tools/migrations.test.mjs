// Migrations over data that is there already: what a database held before it holds afterwards.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { at } from '../../tools/paths.mjs';

test('vendors keep everything when their table is built anew for places', () => {
  const db = new DatabaseSync(':memory:');
  const migrate = (file) => db.exec(readFileSync(at('migrations/vendors-db', file), 'utf8'));
  migrate('0001_vendors.sql');
  const insert = db.prepare(`INSERT INTO vendors (vendor_id, name, phone, latitude, longitude, spot, warehouse_id, active, verified,
    open, score, capacity, in_work, prep_minutes, retired, version, created_at, updated_at) VALUES (?, 'N', ?, 1.5, -2.5, 9, 'w', 1, 1, 1, 71.5, ?, ?, 12, ?, 4, 'c', 'u')`);
  for (const row of [['free', '+49301', 3, 2, 0], ['full', null, 2, 2, 0], ['gone', '+49302', 3, 0, 1]]) insert.run(...row);
  const all = () => db.prepare('SELECT * FROM vendors ORDER BY vendor_id').all().map((row) => ({ ...row }));
  const indexes = () => db.prepare("SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY 1").all().map(({ name }) => name);
  const [rows, indexed] = [all(), indexes()];
  migrate('0002_places.sql');
  assert.deepEqual(all(), rows.map((row) => ({ ...row, work_version: 0 })));
  assert.deepEqual(rows.map(({ accepting }) => accepting), [1, 0, 0]);
  assert.deepEqual(indexes(), [...indexed, 'vendors_phone'].sort());
  db.exec('UPDATE vendors SET capacity = NULL');
  assert.deepEqual(all().map(({ accepting }) => accepting), [1, 1, 0]);
  db.close();
});
