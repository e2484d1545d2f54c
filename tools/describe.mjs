// Writes asyncapi.json and openapi.json, the descriptions of the live events and of the routes, as
// the types of crates/contract have them. They are kept in git for those who read them; native tests
// fail while one is not up to date.
import { writeFileSync } from 'node:fs';
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
  console.log('asyncapi.json and openapi.json are up to date.');
});
