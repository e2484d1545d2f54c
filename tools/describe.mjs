// Writes what is described from the code: asyncapi.json and openapi.json, the live events and the
// routes as the types of crates/contract have them, and the lifecycle of an order in ARCHITECTURE.md.
// They are kept in git for those who read them; native tests fail while one is not up to date.
import { readFileSync, writeFileSync } from 'node:fs';
import { at } from './paths.mjs';
import { main, run, step } from './steps.mjs';

const program = (name) => ['run', '--quiet', '-p', 'contract', '--features', 'schema', '--example', name];

await main(async () => {
  // What cargo has to say goes to the terminal, and not into the file.
  const stdio = ['ignore', 'pipe', 'inherit'];
  for (const [what, name] of [['the live events', 'asyncapi'], ['the routes', 'openapi']]) {
    const { output } = await step(`describing ${what}`, () => run('cargo', program(name), { cwd: at(), stdio }));
    writeFileSync(at(`${name}.json`), output);
  }
  const drawn = await step('drawing the lifecycle', () => run('cargo', ['run', '--quiet', '-p', 'domain', '--example', 'lifecycle'], { cwd: at(), stdio }));
  const document = readFileSync(at('ARCHITECTURE.md'), 'utf8');
  const [before, , after] = document.split(/(?<=<!-- lifecycle -->\n)([\s\S]*)(?=<!-- \/lifecycle -->)/);
  writeFileSync(at('ARCHITECTURE.md'), `${before}${drawn.output}${after}`);
  console.log('asyncapi.json, openapi.json and ARCHITECTURE.md are up to date.');
});
