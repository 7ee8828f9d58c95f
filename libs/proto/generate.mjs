// Generates src/gen from the descriptors that the pinned Go modules of inputs/go.mod carry; see README.md.
//
//   node libs/proto/generate.mjs
//
// No protoc: a .pb.go file holds its exact FileDescriptorProto, which is pruned to what inputs/roots.txt reaches and
// handed to protoc-gen-es the way protoc would (a CodeGeneratorRequest on stdin).
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import * as wkt from '@bufbuild/protobuf/wkt';
import { CodeGeneratorRequestSchema, CodeGeneratorResponseSchema, FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, 'src/gen');
const inputs = join(here, 'inputs');
const PLUGIN_OPTIONS = 'target=ts,import_extension=ts,erasable_syntax=true,elide_plugin_version=true';
/** Go's single-letter escapes. */
const ESCAPES = { a: 7, b: 8, f: 12, n: 10, r: 13, t: 9, v: 11, '\\': 92, '"': 34 };

const modules = downloadModules();
const files = readDescriptors(modules);
const roots = readFileSync(join(inputs, 'roots.txt'), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'));
const pruned = prune(files, roots);
const sources = generate(pruned);
rmSync(out, { recursive: true, force: true });
for (const [name, text] of sources) {
  mkdirSync(dirname(join(out, name)), { recursive: true });
  writeFileSync(join(out, name), text);
}
writeFileSync(join(here, 'LOCK'), lock(modules, sources));
const bytes = sources.reduce((sum, [, text]) => sum + text.length, 0);
console.error(`${sources.length} files, ${(bytes / 1024).toFixed(0)} KiB in ${out}`);

/** Go checks every module against inputs/go.sum. */
function downloadModules() {
  const go = spawnSync('go', ['mod', 'download', '-json'], {
    cwd: inputs,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    env: { ...process.env, GOFLAGS: '-mod=mod', GOTOOLCHAIN: 'local' },
  });
  if (go.error !== undefined)
    throw new Error('generating the protobuf sources needs Go: install go 1.26 or later', { cause: go.error });
  if (go.status !== 0) throw new Error(`go mod download failed: ${go.stderr}${go.stdout}`);
  return go.stdout
    .split(/^(?=\{)/m)
    .filter((text) => text.trim() !== '')
    .map((text) => JSON.parse(text));
}

function readDescriptors(from) {
  const found = new Map();
  for (const { Dir } of from) {
    for (const entry of readdirSync(Dir, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !entry.name.endsWith('.pb.go')) continue;
      const raw = rawDescriptor(readFileSync(join(entry.parentPath, entry.name), 'utf8'));
      if (raw === undefined) continue;
      const file = fromBinary(FileDescriptorProtoSchema, raw);
      if (!file.name.startsWith('google/protobuf/')) found.set(file.name, file);
    }
  }
  return found;
}

/** protoc-gen-go writes the descriptor as a string constant (1.36.6 and later) or as a byte slice. */
function rawDescriptor(source) {
  const text = /^const file_\w+_rawDesc = "" \+\n((?:\t".*"(?: \+)?\n)+)/m.exec(source);
  if (text !== null) {
    const parts = [];
    for (const line of text[1].matchAll(/^\t"(.*)"/gm)) parts.push(...goString(line[1]));
    return Uint8Array.from(parts);
  }
  const slice = /^var file_\w+_rawDesc = (?:\[\]byte|string\(\[\]byte)\{\n([\s\S]*?)\n\}/m.exec(source);
  return slice === null ? undefined : Uint8Array.from(slice[1].match(/0x[0-9a-f]{2}/g), Number);
}

function goString(text) {
  const bytes = [];
  for (const piece of text.matchAll(/\\x([0-9a-f]{2})|\\u([0-9a-f]{4})|\\U([0-9a-f]{8})|\\([0-7]{3})|\\(.)|([^\\]+)/g)) {
    const [, hex, u4, u8, octal, letter, plain] = piece;
    if (hex !== undefined) bytes.push(Number.parseInt(hex, 16));
    else if (octal !== undefined) bytes.push(Number.parseInt(octal, 8));
    else if (letter !== undefined) bytes.push(ESCAPES[letter]);
    else bytes.push(...Buffer.from(plain ?? String.fromCodePoint(Number.parseInt(u4 ?? u8, 16))));
  }
  return bytes;
}

/**
 * Keeps the top-level messages and enums that the roots reach, and of their options only what protobuf itself knows:
 * validation rules and annotations are extensions and would pull in five more packages. Services go too (the servers
 * know their method paths).
 */
function prune(all, names) {
  const owner = new Map(); // fully qualified name -> [file, top-level descriptor]
  for (const file of all.values()) {
    for (const top of [...file.messageType, ...file.enumType]) index(`.${file.package}`, top, file, top);
  }
  function index(prefix, type, file, top) {
    const name = `${prefix}.${type.name}`;
    owner.set(name, { file, top });
    for (const nested of [...(type.nestedType ?? []), ...(type.enumType ?? [])]) index(name, nested, file, top);
  }

  const kept = new Set();
  const needs = new Map(); // file name -> names of the files it refers to
  const queue = [...names.map((name) => ({ name: `.${name}`, by: undefined }))];
  while (queue.length > 0) {
    const { name, by } = queue.pop();
    const target = name.startsWith('.google.protobuf.') ? wellKnown(name) : owner.get(name);
    if (target === undefined) throw new Error(`no descriptor has ${name.slice(1)} (wanted by ${by ?? 'inputs/roots.txt'})`);
    if (by !== undefined && by !== target.file.name) needs.set(by, (needs.get(by) ?? new Set()).add(target.file.name));
    if (target.top === undefined || kept.has(target.top)) continue;
    kept.add(target.top);
    for (const type of typeNames(target.top)) queue.push({ name: type, by: target.file.name });
  }

  const result = [];
  for (const file of all.values()) {
    const messageType = file.messageType.filter((type) => kept.has(type));
    const enumType = file.enumType.filter((type) => kept.has(type));
    if (messageType.length + enumType.length === 0) continue;
    messageType.forEach(stripOptions);
    enumType.forEach(stripOptions);
    result.push(
      create(FileDescriptorProtoSchema, {
        name: file.name,
        package: file.package,
        syntax: file.syntax,
        dependency: [...(needs.get(file.name) ?? [])].sort(),
        messageType,
        enumType,
      }),
    );
  }
  return dependenciesFirst(result.sort((a, b) => (a.name < b.name ? -1 : 1)));
}

/** The descriptors of google/protobuf/*.proto come with the runtime, which protoc-gen-es makes its output import. */
function wellKnown(name) {
  const schema = wkt[`${name.slice('.google.protobuf.'.length)}Schema`];
  return schema === undefined ? undefined : { file: schema.file.proto, top: undefined };
}

function typeNames(type) {
  const own = (type.field ?? []).map((field) => field.typeName).filter((name) => name !== '');
  return [...own, ...(type.nestedType ?? []).flatMap(typeNames)];
}

function stripOptions(type) {
  delete type.options?.$unknown;
  type.extension = [];
  for (const part of [...(type.field ?? []), ...(type.oneofDecl ?? []), ...(type.value ?? [])]) delete part.options?.$unknown;
  for (const nested of [...(type.nestedType ?? []), ...(type.enumType ?? [])]) stripOptions(nested);
}

function dependenciesFirst(list) {
  const byName = new Map(list.map((file) => [file.name, file]));
  const ordered = new Set();
  const visit = (file) => {
    if (ordered.has(file)) return;
    for (const name of file.dependency) if (byName.has(name)) visit(byName.get(name));
    ordered.add(file);
  };
  list.forEach(visit);
  return [...ordered];
}

function generate(list) {
  const used = new Set(list.flatMap((file) => file.dependency));
  const known = Object.values(wkt).filter((value) => value?.kind === 'file' && used.has(value.proto.name));
  const request = create(CodeGeneratorRequestSchema, {
    fileToGenerate: list.map((file) => file.name),
    parameter: PLUGIN_OPTIONS,
    protoFile: [...known.map((file) => file.proto), ...list],
  });
  const plugin = fileURLToPath(import.meta.resolve('@bufbuild/protoc-gen-es/package.json')).replace(
    /package\.json$/,
    'bin/protoc-gen-es',
  );
  const run = spawnSync(process.execPath, [plugin], { input: toBinary(CodeGeneratorRequestSchema, request), maxBuffer: 1 << 28 });
  if (run.status !== 0) throw new Error(`protoc-gen-es failed: ${String(run.stderr)}`);
  const response = fromBinary(CodeGeneratorResponseSchema, run.stdout);
  if (response.error !== '') throw new Error(`protoc-gen-es: ${response.error}`);
  return response.file.map((file) => [file.name, file.content]).sort(([a], [b]) => (a < b ? -1 : 1));
}

function lock(from, generated) {
  const sha = (text) => createHash('sha256').update(text).digest('hex');
  const version = (name) => JSON.parse(readFileSync(fileURLToPath(import.meta.resolve(`${name}/package.json`)), 'utf8')).version;
  const lines = [
    '# Written by generate.mjs. Inputs, then outputs with their sha256.',
    ...from.map((m) => `module ${m.Path} ${m.Version} ${m.Sum}`).sort(),
    `plugin protoc-gen-es ${version('@bufbuild/protoc-gen-es')} ${PLUGIN_OPTIONS}`,
    `roots inputs/roots.txt ${sha(readFileSync(join(inputs, 'roots.txt')))}`,
    ...generated.map(([name, text]) => `file ${name} ${sha(text)}`),
  ];
  return `${lines.join('\n')}\n`;
}
