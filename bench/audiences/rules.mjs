// Evaluates the audiences with json-rules-engine, on the first profiles: a line of JSON for what it takes.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { createReadStream } from 'node:fs';

const [folder, packages, count, runs] = process.argv.slice(2);
const require = createRequire(`${packages}/`);
const { Engine } = require('json-rules-engine');
const { version } = JSON.parse(readFileSync(`${packages}/node_modules/json-rules-engine/package.json`, 'utf8'));
const pool = JSON.parse(readFileSync(`${folder}/audiences.json`, 'utf8'));
const isTime = (kind) => kind === 'date' || kind === 'date-time';
const time = (text) => Date.parse(text.length > 10 ? `${text.replace('Z', '')}Z` : `${text}T00:00:00Z`);

const parse = {
  string: (text) => text,
  integer: Number,
  double: Number,
  boolean: (text) => text === 'true',
  date: time,
  'date-time': time,
};

async function profiles() {
  const found = [];
  const lines = createInterface({ input: createReadStream(`${folder}/profiles.csv`) });
  let header;
  for await (const line of lines) {
    const cells = line.split(',');
    if (!header) {
      header = cells;
      continue;
    }
    const facts = {};
    pool.fields.forEach(({ name, kind }, index) => {
      const cell = cells[index + 1];
      facts[name] = cell === '' ? null : parse[kind](cell);
    });
    found.push(facts);
    if (found.length === Number(count)) break;
  }
  lines.close();
  return found;
}

const known = { operator: 'notEqual', value: null };

function condition({ field: fact, kind, operator, values }) {
  const [first, second] = isTime(kind) ? values.map((value) => (typeof value === 'string' ? time(value) : value)) : values;
  const unlessNull = (...tests) => ({ all: [{ fact, ...known }, ...tests.map((test) => ({ fact, ...test }))] });
  switch (operator) {
    case '=': return { fact, operator: 'equal', value: first };
    case '!=': return unlessNull({ operator: 'notEqual', value: first });
    case 'in': return { fact, operator: 'in', value: values };
    case 'notIn': return unlessNull({ operator: 'notIn', value: values });
    case 'startsWith': return { fact, operator: 'startsWith', value: first };
    case 'isNull': return { fact, operator: 'equal', value: null };
    case 'isNotNull': return { fact, ...known };
    case '<': case 'before': return unlessNull({ operator: 'lessThan', value: first });
    case '>=': return unlessNull({ operator: 'greaterThanInclusive', value: first });
    case 'after': return unlessNull({ operator: 'greaterThan', value: first });
    case 'within':
      return unlessNull({ operator: 'greaterThanInclusive', value: first }, { operator: 'lessThan', value: second });
    default: throw new Error(`unknown operator ${operator}`);
  }
}

function tree(node) {
  const [[kind, value]] = Object.entries(node);
  if (kind === 'condition') return condition(pool.conditions[value]);
  if (kind === 'not') return { not: tree(value) };
  return { [kind]: value.map(tree) };
}

const engine = new Engine([], { allowUndefinedFacts: true });
engine.addOperator('startsWith', (text, start) => typeof text === 'string' && text.startsWith(start));
pool.audiences.forEach((audience, number) => {
  const root = tree(audience);
  const conditions = root.all || root.any || root.not ? root : { all: [root] };
  engine.addRule({ conditions, event: { type: 'member', params: { number } } });
});

const people = await profiles();
const seconds = [];
let answers;
for (let run = 0; run < Number(runs); run += 1) {
  answers = Buffer.alloc(people.length * 16);
  const start = process.cpuUsage();
  for (const [row, facts] of people.entries()) {
    const { events } = await engine.run(facts);
    for (const { params: { number } } of events) answers[row * 16 + (number >> 3)] |= 1 << (number & 7);
  }
  const { user, system } = process.cpuUsage(start);
  seconds.push((user + system) / 1e6);
}
const path = `${folder}/json-rules-engine`;
writeFileSync(path, answers);
console.log(JSON.stringify({ engine: `json-rules-engine ${version}`, profiles: people.length, seconds, answers: path }));
