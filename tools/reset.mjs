// `npm run reset`: forgets all local data, the demo data's marker with it. Secrets and builds stay.
import { rmSync } from 'node:fs';
import path from 'node:path';
import { ROOT, STATE_DIR } from './paths.mjs';

rmSync(STATE_DIR, { recursive: true, force: true });
console.log(`${path.relative(ROOT, STATE_DIR)} is removed; the next npm start begins afresh.`);
