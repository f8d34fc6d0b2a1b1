// Runs the tests of the suite against BASE, all or one, and writes what it found into FILE. Judging is left to the
// program that starts this, because the suite's own judge is part of a web page.
//
//   node client.mjs SUITE ENGINE BASE FILE [ID]
//
// SUITE is the folder that holds `tests`; ENGINE is the one in it that holds `client`.

import { createRequire } from 'node:module'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const [suite, engine, base, file, id] = process.argv.slice(2)
const load = (...path) => import(pathToFileURL(join(suite, ...path)))

const { default: sections } = await load('tests', 'index.mjs')
const { runTests, getResults } = await load(engine, 'client', 'runner.mjs')

// A test for browsers alone is none for a proxy; the runner leaves it out, too.
const tests = sections.flatMap(section => section.tests).filter(test => !test.browser_only)
const chosen = id ? tests.filter(test => test.id === id) : tests
if (id) chosen.forEach(test => { test.dump = true })

const run = [{ name: 'all', id: 'all', tests: chosen }]
if (engine === '.') {
  await runTests(run, createRequire(join(suite, 'cli.mjs'))('node-fetch'), false, base)
} else {
  await runTests(run, false, base)
}

const kinds = tests.map(({ id, kind, depends_on }) => ({ id, kind, depends_on }))
await writeFile(file, JSON.stringify({ tests: kinds, results: getResults() }))
// Connections that the newer edition keeps open would keep this process, too.
process.exit(0)
