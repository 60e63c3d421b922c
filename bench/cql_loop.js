// The eight limits in cql-execution: node cql_loop.js ELM_JSON ROUNDS FILE... ; prints seconds and results.
'use strict';
const fs = require('fs');
const cql = require('cql-execution');
const fhir = require('cql-exec-fhir');

const [elm, rounds, ...files] = process.argv.slice(2);
const library = new cql.Library(JSON.parse(fs.readFileSync(elm)));

async function round() {
  const found = {};
  const begun = process.cpuUsage();
  for (const file of files) {
    const source = fhir.PatientSource.FHIRv401();
    source.loadBundles([JSON.parse(fs.readFileSync(file))]);
    const results = await new cql.Executor(library).exec(source);
    for (const patient of Object.values(results.patientResults)) {
      for (const [name, value] of Object.entries(patient)) {
        if (value === true) found[name] = (found[name] || 0) + 1;
      }
    }
  }
  const spent = process.cpuUsage(begun);
  return { seconds: (spent.user + spent.system) / 1e6, found };
}

(async () => {
  let best = await round();
  for (let n = 1; n < Number(rounds); n++) {
    const next = await round();
    if (next.seconds < best.seconds) best = next;
  }
  console.log(JSON.stringify(best));
})();
