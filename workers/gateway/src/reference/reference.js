// Shows the description that the gateway has of itself: routes by area, what they take and answer,
// and how to ask from a terminal. Everything on the page is made as text nodes, never as markup, so
// nothing that stands in the document can become a part of the page.

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];
let doc;

/** An element with its attributes and what is in it. */
function make(name, attributes, ...inside) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value !== undefined && value !== false) element.setAttribute(key, value);
  }
  element.append(...inside.flat().filter((each) => each !== undefined && each !== ''));
  return element;
}

/** Text in which `this` is code. */
const words = (text = '') => text.split('`').map((part, n) => (n % 2 ? make('code', null, part) : part)).filter((part) => part !== '');

function follow(it) {
  if (!it?.$ref) return it;
  const { $ref, ...beside } = it;
  const found = $ref.split('/').slice(1).reduce((inner, key) => inner[key], doc);
  return { ...found, ...beside, properties: found.properties && { ...found.properties, ...beside.properties } };
}

const typesOf = ({ type }) => [type].flat().filter(Boolean);

/** A schema in a few words, without what is inside of it. */
function kind(schema) {
  if (schema === true) return 'anything';
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return [...schema.enum.map((each) => JSON.stringify(each)), ...typesOf(schema).includes('null') ? ['null'] : []].join(' | ');
  const either = schema.anyOf ?? schema.oneOf;
  if (either) return either.map((each) => kind(follow(each))).join(' or ');
  const types = typesOf(schema).map((type) => (type === 'array' && schema.items !== undefined ? `list of ${kind(follow(schema.items))}` : type));
  return types.join(' or ') || 'anything';
}

function bounds(schema) {
  const { minimum, maximum, exclusiveMinimum, minLength, maxLength, minItems, maxItems, pattern, format } = schema;
  const range = (low, high, unit) => {
    if (low === undefined && high === undefined) return undefined;
    return high === undefined ? `at least ${low}${unit}` : low === undefined ? `at most ${high}${unit}` : `${low} to ${high}${unit}`;
  };
  // What any number of that size has is not worth a word.
  const huge = Math.abs(maximum ?? 0) >= 2 ** 32 - 1;
  return [
    exclusiveMinimum !== undefined && `above ${exclusiveMinimum}`,
    !huge && range(minimum, maximum, ''),
    range(minLength, maxLength, ' characters'),
    range(minItems, maxItems, ' items'),
    pattern && `matches ${pattern}`,
    format,
    schema.default !== undefined && `${JSON.stringify(schema.default)} if left out`,
  ].filter(Boolean).join(', ');
}

/** The fields of a schema, and theirs. */
function fields(schema) {
  if (schema === true || schema === undefined) return [];
  const either = schema.anyOf ?? schema.oneOf;
  if (either) return either.map(follow).filter((each) => each.type !== 'null').flatMap((each, n) => [n > 0 && inside(each) ? make('p', { class: 'faint' }, 'or') : undefined, inside(each)]);
  if (typesOf(schema).includes('array')) return [inside(follow(schema.items))];
  const rows = Object.entries(schema.properties ?? {}).filter(([, of]) => of !== false).map(([name, of]) => {
    const field = follow(of);
    const needed = schema.required?.includes(name);
    return make('li', null, make('code', { class: needed ? 'needed' : undefined }, name), ' ', make('span', { class: 'faint' },
      [kind(field), needed ? 'required' : '', bounds(field)].filter(Boolean).join(', ')), field.description ? [' ', ...words(field.description)] : '', inside(field));
  });
  const others = schema.additionalProperties;
  if (others && typeof others === 'object') rows.push(make('li', { class: 'faint' }, `by name: ${kind(follow(others))}`, inside(follow(others))));
  return rows.length > 0 ? [make('ul', { class: 'fields' }, rows)] : [];
}

function inside(schema) {
  const found = fields(schema).filter(Boolean);
  return found.length > 0 ? make('div', null, found) : undefined;
}

/** A value of that schema, for an example. */
function sample(schema) {
  if (schema === true || schema === undefined) return {};
  if (schema.examples) return schema.examples[0];
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  if (schema.anyOf) return sample(follow(schema.anyOf[0]));
  const type = typesOf(schema)[0];
  if (type === 'object') {
    const wanted = Object.entries(schema.properties ?? {}).filter(([name, of]) => of !== false && schema.required?.includes(name));
    return Object.fromEntries(wanted.map(([name, of]) => [name, sample(follow(of))]));
  }
  if (type === 'array') return [sample(follow(schema.items))];
  if (type === 'integer' || type === 'number') return schema.default ?? Math.max(schema.minimum ?? 1, 1);
  return type === 'boolean' ? schema.default ?? true : 'text';
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** How to ask for it from a terminal. */
function curl(method, path, operation) {
  const parameters = (operation.parameters ?? []).map(follow);
  const filled = path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(sample(parameters.find((each) => each.name === name)?.schema)));
  const query = parameters.filter((each) => each.in === 'query' && each.required).map((each) => `${each.name}=${encodeURIComponent(sample(each.schema))}`).join('&');
  const lines = [`curl ${method === 'get' ? '' : `-X ${method.toUpperCase()} `}${quoted(`${location.origin}${filled}${query && `?${query}`}`)}`];
  for (const [scheme] of (operation.security ?? []).flatMap(Object.entries)) {
    const { type, name, in: where } = doc.components.securitySchemes[scheme];
    if (type === 'http') lines.push("-H 'Authorization: Bearer TOKEN'");
    else if (where === 'header') lines.push(`-H '${name}: SIGNATURE'`);
  }
  if (parameters.some((each) => each.in === 'header')) lines.push("-H 'Idempotency-Key: 2f1c9a'");
  const body = operation.requestBody?.content['application/json']?.schema;
  if (body !== undefined) lines.push("-H 'Content-Type: application/json'", `-d ${quoted(JSON.stringify(sample(follow(body))))}`);
  return lines.join(' \\\n  ');
}

function table(caption, heads, rows) {
  const head = make('tr', null, heads.map((each) => make('th', { scope: 'col' }, each)));
  return make('div', { class: 'scroll' }, make('table', { 'aria-label': caption }, make('thead', null, head), make('tbody', null, rows)));
}

function parametersOf(operation) {
  const rows = (operation.parameters ?? []).map(follow).map(({ name, in: where, required, description, schema }) => make('tr', null,
    make('td', null, make('code', { class: required ? 'needed' : undefined }, name)), make('td', null, where),
    make('td', { class: 'faint' }, [kind(schema), required && 'required', bounds(schema)].filter(Boolean).join(', ')), make('td', null, words(description))));
  return rows.length > 0 ? [make('h4', null, 'Parameters'), table('Parameters', ['Name', 'In', 'What', 'About'], rows)] : [];
}

function answersOf(operation) {
  const problems = [];
  const parts = [make('h4', null, 'Answers')];
  for (const [status, it] of Object.entries(operation.responses)) {
    const { description, content = {} } = follow(it);
    const [[type, { schema } = {}] = []] = Object.entries(content);
    if (type === 'application/problem+json') {
      problems.push(make('tr', null, make('td', null, status), make('td', null, words(description))));
    } else {
      parts.push(make('p', null, make('strong', null, status), ` ${type ?? ''} `, make('span', { class: 'faint' }, schema && schema !== true ? kind(follow(schema)) : '')), inside(follow(schema)));
    }
  }
  return [...parts.filter(Boolean), table('Problems', ['Status', 'code of the problem'], problems)];
}

function bodyOf(operation) {
  const body = operation.requestBody;
  if (!body) return [];
  const schema = follow(body.content['application/json'].schema);
  return [make('h4', null, `Body${body.required ? '' : ', which may be left out'}`), schema.description ? make('p', { class: 'about' }, words(schema.description)) : undefined, inside(schema) ?? make('p', null, kind(schema))];
}

/** What opens when somebody wants to know more; made when it is opened for the first time. */
function details(method, path, operation) {
  const command = curl(method, path, operation);
  // Where a page may not use the clipboard there is none.
  const copy = make('button', { type: 'button', hidden: navigator.clipboard ? undefined : '' }, 'Copy');
  copy.addEventListener('click', async () => {
    await navigator.clipboard.writeText(command);
    copy.textContent = 'Copied';
  });
  return make('div', null, make('p', null, words(operation.description)), parametersOf(operation), bodyOf(operation),
    make('h4', null, 'Example ', copy), make('pre', null, command), answersOf(operation));
}

function routeOf(method, path, operation) {
  const title = make('h3', null, make('span', { class: `method ${method}` }, method.toUpperCase()), ' ', path);
  const route = make('details', { class: 'route', id: operation.operationId }, make('summary', null, title, make('span', null, operation.summary)));
  route.addEventListener('toggle', () => {
    if (route.open && route.children.length === 1) route.append(details(method, path, operation));
  });
  const roles = operation['x-roles'] ?? (operation.security.length > 0 ? [] : ['anyone']);
  const found = [method, path, operation.operationId, operation.summary, ...operation.tags, ...roles].join(' ').toLowerCase();
  return { route, found, tag: operation.tags[0] };
}

function show() {
  document.getElementById('about').append(...words(doc.info.description));
  document.getElementById('version').textContent = `version ${doc.info.version}`;
  const routes = Object.entries(doc.paths).flatMap(([path, methods]) =>
    METHODS.filter((method) => methods[method]).map((method) => routeOf(method, path, methods[method])));
  const areas = doc.tags.map(({ name, description }) => {
    const own = routes.filter(({ tag }) => tag === name);
    document.getElementById('areas').append(make('li', null, make('a', { href: `#area-${name}` }, name)));
    const section = make('section', { 'aria-labelledby': `area-${name}` }, make('h2', { id: `area-${name}` }, name), make('p', { class: 'about' }, description), own.map(({ route }) => route));
    return { section, own };
  });
  const main = document.getElementById('routes');
  document.getElementById('state').remove();
  main.append(...areas.map(({ section }) => section));

  const wanted = document.getElementById('wanted');
  const filter = () => {
    const parts = wanted.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const each of routes) each.route.hidden = !parts.every((part) => each.found.includes(part));
    for (const { section, own } of areas) section.hidden = own.every(({ route }) => route.hidden);
    document.getElementById('count').textContent = `${routes.filter(({ route }) => !route.hidden).length} of ${routes.length} routes`;
  };
  wanted.addEventListener('input', filter);
  filter();
  open();
}

/** The route that the address names is open. */
function open() {
  const route = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (route?.tagName === 'DETAILS') route.open = true;
  route?.scrollIntoView();
}

try {
  const answer = await fetch('/openapi.json');
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  doc = await answer.json();
  show();
  addEventListener('hashchange', open);
} catch (error) {
  document.getElementById('state').textContent = `The description could not be read: ${error.message}. Load the page again.`;
}
