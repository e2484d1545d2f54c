// Writes asyncapi.json, the description of the live events, as the types of crates/contract have
// it. It is kept in git for those who read it; a native test fails while it is not up to date.
import { writeFileSync } from 'node:fs';
import { at } from './paths.mjs';
import { main, run, step } from './steps.mjs';

const PROGRAM = ['run', '--quiet', '-p', 'contract', '--features', 'schema', '--example', 'asyncapi'];

await main(async () => {
  // What cargo has to say goes to the terminal, and not into the file.
  const stdio = ['ignore', 'pipe', 'inherit'];
  const { output } = await step('describing the live events', () => run('cargo', PROGRAM, { cwd: at(), stdio }));
  writeFileSync(at('asyncapi.json'), output);
  console.log('asyncapi.json is up to date.');
});
