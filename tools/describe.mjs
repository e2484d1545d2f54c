// Writes what is described from the code: asyncapi.json, the live events as the types of
// crates/contract have them, and the lifecycle of an order in ARCHITECTURE.md. Both are kept in git
// for those who read them; native tests fail while they are not up to date.
import { readFileSync, writeFileSync } from 'node:fs';
import { at } from './paths.mjs';
import { main, run, step } from './steps.mjs';

const PROGRAM = ['run', '--quiet', '-p', 'contract', '--features', 'schema', '--example', 'asyncapi'];

await main(async () => {
  // What cargo has to say goes to the terminal, and not into the file.
  const stdio = ['ignore', 'pipe', 'inherit'];
  const { output } = await step('describing the live events', () => run('cargo', PROGRAM, { cwd: at(), stdio }));
  writeFileSync(at('asyncapi.json'), output);
  const drawn = await step('drawing the lifecycle', () => run('cargo', ['run', '--quiet', '-p', 'domain', '--example', 'lifecycle'], { cwd: at(), stdio }));
  const document = readFileSync(at('ARCHITECTURE.md'), 'utf8');
  const [before, , after] = document.split(/(?<=<!-- lifecycle -->\n)([\s\S]*)(?=<!-- \/lifecycle -->)/);
  writeFileSync(at('ARCHITECTURE.md'), `${before}${drawn.output}${after}`);
  console.log('asyncapi.json and ARCHITECTURE.md are up to date.');
});
