/**
 * Holds the house to its plan: reads the import table of docs/architecture.md and fails on an import it does not allow,
 * a cycle, a room without a door, an export without a doc comment, and the style rules a linter does not know.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');
const sourceRoot = join(root, 'src');
const maxFileLines = 400;
const maxFunctionLines = 60;

interface Row {
  readonly rooms: ReadonlySet<string>;
  readonly modules: ReadonlySet<string>;
}

interface Import {
  readonly file: string;
  readonly specifier: string;
}

/** The rows of the table whose first column is a room in back-ticks and whose header names "rooms it may use". */
function readImportTable(): ReadonlyMap<string, Row> {
  const lines = readFileSync(join(root, 'docs/architecture.md'), 'utf8').split('\n');
  const start = lines.findIndex((line) => line.startsWith('| room | rooms it may use'));
  const rows = new Map<string, Row>();
  for (const line of lines.slice(start + 2)) {
    const cells = line.split('|').map((cell) => cell.trim());
    const name = /^`([a-z-]+)`$/.exec(cells[1] ?? '')?.[1];
    if (name === undefined) break;
    rows.set(name, {
      rooms: new Set((cells[2] ?? '').replace(/\(.*?\)/g, '').split(/[,\s]+/)),
      modules: new Set([...(cells[3] ?? '').matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '')),
    });
  }
  return rows;
}

function sourceFiles(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return sourceFiles(path);
    return entry.name.endsWith('.ts') ? [path] : [];
  });
}

/**
 * Source text without block comments, so that an example in one is not taken for code. Only those at the start of a line:
 * elsewhere the two characters may stand in a regular expression.
 */
function code(path: string): string {
  return readFileSync(path, 'utf8').replace(/^[ \t]*\/\*[\s\S]*?\*\//gm, (comment) => comment.replace(/[^\n]/g, ' '));
}

function importsOf(file: string): Import[] {
  const pattern =
    /^\s*(?:import|export)\b[^'";]*?from\s*'([^']+)'|\bimport\(\s*'([^']+)'\s*\)|^\s*import\s*'([^']+)'/gm;
  return [...code(file).matchAll(pattern)].map((match) => ({
    file,
    specifier: match[1] ?? match[2] ?? match[3] ?? '',
  }));
}

const table = readImportTable();
const files = sourceFiles(sourceRoot);
const imports = files.flatMap(importsOf);
const rooms = readdirSync(sourceRoot, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);
const roomOf = (path: string): string => relative(sourceRoot, path).split('/')[0] ?? '';
const short = (path: string): string => relative(root, path);

/** What stands in the way of one import; undefined if it is allowed. */
function violation({ file, specifier }: Import): string | undefined {
  const room = roomOf(file);
  const row = table.get(room);
  if (row === undefined) return `${short(file)}: room ${room} is not in the table`;
  if (!specifier.startsWith('.')) {
    const module = specifier.startsWith('@') ? specifier.split('/').slice(0, 2).join('/') : specifier.split('/')[0];
    if (row.modules.has(specifier) || (module !== undefined && row.modules.has(module))) return undefined;
    return `${short(file)}: ${room} may not import the module ${specifier}`;
  }
  const target = resolve(dirname(file), specifier);
  const targetRoom = roomOf(target);
  if (!target.startsWith(sourceRoot)) return `${short(file)}: imports ${specifier} outside src`;
  if (targetRoom === room) return undefined;
  if (!row.rooms.has(targetRoom) && !row.rooms.has('every'))
    return `${short(file)}: ${room} may not import ${targetRoom}`;
  if (relative(join(sourceRoot, targetRoom), target) !== 'index.ts') {
    return `${short(file)}: comes into ${targetRoom} past its door (${specifier})`;
  }
  return undefined;
}

/** The first cycle among the edges, as a path; undefined if there is none. */
function findCycle(edges: ReadonlyMap<string, ReadonlySet<string>>): string[] | undefined {
  const done = new Set<string>();
  const visit = (node: string, path: readonly string[]): string[] | undefined => {
    if (path.includes(node)) return [...path.slice(path.indexOf(node)), node];
    if (done.has(node)) return undefined;
    for (const next of edges.get(node) ?? []) {
      const cycle = visit(next, [...path, node]);
      if (cycle !== undefined) return cycle;
    }
    done.add(node);
    return undefined;
  };
  for (const node of edges.keys()) {
    const cycle = visit(node, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

function edgesBetween(node: (path: string) => string): Map<string, Set<string>> {
  const edges = new Map<string, Set<string>>();
  for (const { file, specifier } of imports) {
    if (!specifier.startsWith('.')) continue;
    const from = node(file);
    const to = node(resolve(dirname(file), specifier));
    if (from === to) continue;
    edges.set(from, (edges.get(from) ?? new Set()).add(to));
  }
  return edges;
}

/** The rooms an executable can reach through imports, lazy ones included. */
function reach(entry: string): Set<string> {
  const seen = new Set<string>();
  const queue = [entry];
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (seen.has(file)) continue;
    seen.add(file);
    const from = file;
    queue.push(
      ...imports
        .filter((one) => one.file === from && one.specifier.startsWith('.'))
        .map((one) => resolve(dirname(from), one.specifier)),
    );
  }
  return new Set([...seen].map(roomOf));
}

/** Top-level exported declarations that no doc comment stands before. */
function undocumentedExports(file: string): string[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.flatMap((line, index) => {
    const declared =
      /^export (?:declare )?(?:async )?(?:abstract )?(?:const|function\*?|class|interface|type) (\w+)/.exec(line);
    if (declared === null) return [];
    const before = lines.slice(0, index).findLast((earlier) => earlier.trim() !== '' && !earlier.startsWith('@'));
    const overloaded = new RegExp(`^export (?:async )?function ${declared[1] ?? ''}\\b.*;$`).test(before ?? '');
    return (before ?? '').trim().endsWith('*/') || overloaded
      ? []
      : [`${short(file)}:${index + 1} ${declared[1] ?? ''}`];
  });
}

/** Functions and methods longer than the limit; a function's end is the line that closes its indentation. */
function longFunctions(file: string): string[] {
  const lines = code(file).split('\n');
  return lines.flatMap((line, index) => {
    const opens =
      /^(\s*)(?:export )?(?:async )?function\*? (\w+)/.exec(line) ??
      /^(\s+)(?:static |private |override |async |get |\*)*(\w+)\([^)]*\)?.*\{$/.exec(line);
    if (opens === null || /^\s*(?:if|for|while|switch|catch|return|using|const)\b/.test(line)) return [];
    const end = lines.findIndex((later, at) => at > index && later === `${opens[1] ?? ''}}`);
    const length = end - index + 1;
    return length > maxFunctionLines ? [`${short(file)}:${index + 1} ${opens[2] ?? ''} ${length} lines`] : [];
  });
}

describe('the house', () => {
  it('is described by a table that names its rooms', () => {
    expect(table.size).toBeGreaterThan(15);
    expect(rooms.filter((room) => !table.has(room))).toEqual([]);
  });

  it('gives every room a door under a paragraph that is its manual, and has no empty room', () => {
    const doorless = rooms.filter((room) => {
      const door = join(sourceRoot, room, 'index.ts');
      return room !== 'bin' && (!existsSync(door) || !readFileSync(door, 'utf8').startsWith('/**'));
    });
    expect(doorless).toEqual([]);
    expect(rooms.filter((room) => sourceFiles(join(sourceRoot, room)).length < 2)).toEqual([]);
  });

  it('lets each room import only what the table names, by the door', () => {
    expect(imports.length).toBeGreaterThan(100);
    expect(imports.map(violation).filter((found) => found !== undefined)).toEqual([]);
  });

  it('has no cycle among rooms or files', () => {
    expect(findCycle(edgesBetween(roomOf))).toBeUndefined();
    expect(findCycle(edgesBetween(short))).toBeUndefined();
  });

  it('keeps the finalizer away from bus, network and SQLite', () => {
    const allowed = new Set(['base', 'format', 'platform', 'config', 'repo', 'boot', 'sysroot', 'bin']);
    for (const name of ['atomic-finalize', 'atomic-boot-complete']) {
      const reached = reach(join(sourceRoot, 'bin', `${name}.ts`));
      expect(reached.has('sysroot')).toBe(true);
      expect([...reached].filter((room) => !allowed.has(room))).toEqual([]);
    }
  });

  it('documents every export', () => {
    expect(files.filter((file) => !file.endsWith('index.ts')).flatMap(undocumentedExports)).toEqual([]);
  });

  it('has no default export, no enum and no top-level let', () => {
    const offences = files.flatMap((file) =>
      code(file)
        .split('\n')
        .flatMap((line, index) =>
          /^(?:export )?(?:let |default |(?:const )?enum |var )|^export default /.test(line)
            ? [`${short(file)}:${index + 1}`]
            : [],
        ),
    );
    expect(offences).toEqual([]);
  });

  it(`keeps files within ${maxFileLines} lines and functions within ${maxFunctionLines}`, () => {
    const long = files.filter((file) => readFileSync(file, 'utf8').split('\n').length > maxFileLines + 1);
    expect(long.map(short)).toEqual([]);
    expect(files.flatMap(longFunctions)).toEqual([]);
  });
});

describe('the lockfile', () => {
  it('records no download address', () => {
    expect(readFileSync(join(root, 'package-lock.json'), 'utf8')).not.toMatch(/"resolved": "http/);
  });
});
