import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { Checksum } from '../../src/base/index.ts';
import {
  commitVersion,
  decodeCommit,
  decodeDirMeta,
  decodeDirTree,
  decodeFilezHeader,
  decodeSummary,
  encodeCommit,
  encodeDirMeta,
  encodeDirTree,
  encodeFilezHeader,
  encodeSummary,
  fileChecksum,
  metadataStrings,
  objectPath,
  parseObjectPath,
  sha256Checksum,
  variant,
  type Commit,
  type FileHeader,
  type ObjectType,
} from '../../src/format/index.ts';
import { ostree, tryOstree } from '../support/real-ostree.ts';
import { makeTempDir } from '../support/temp-dir.ts';

/** A source directory with names in awkward order, a symlink, an empty file and a name outside ASCII. */
function makeSource(directory: string): string {
  const source = join(directory, 'source');
  mkdirSync(join(source, 'usr/lib'), { recursive: true });
  writeFileSync(join(source, 'usr/lib/a.so'), 'library');
  writeFileSync(join(source, 'usr/empty'), '');
  writeFileSync(join(source, 'usr/Ärger-😀'), 'x'.repeat(5000));
  writeFileSync(join(source, 'usr/\uFFEE'), 'just below the surrogates in UTF-8, above them in UTF-16');
  symlinkSync('lib/a.so', join(source, 'usr/link'));
  return source;
}

function* objectsOf(repo: string): Generator<[path: string, bytes: Uint8Array]> {
  for (const prefix of readdirSync(join(repo, 'objects'))) {
    for (const rest of readdirSync(join(repo, 'objects', prefix))) {
      yield [`${prefix}/${rest}`, new Uint8Array(readFileSync(join(repo, 'objects', prefix, rest)))];
    }
  }
}

/** The checksum of an object that was decoded and encoded again. */
function reencode(type: ObjectType, bytes: Uint8Array): Checksum {
  if (type === 'commit') return sha256Checksum(encodeCommit(decodeCommit(bytes)));
  if (type === 'dirtree') return sha256Checksum(encodeDirTree(decodeDirTree(bytes)));
  if (type === 'dirmeta') return sha256Checksum(encodeDirMeta(decodeDirMeta(bytes)));
  const { header, sizeBytes, headerBytes } = decodeFilezHeader(bytes);
  expect(encodeFilezHeader(header, sizeBytes)).toEqual(bytes.slice(0, headerBytes));
  const content = header.symlinkTarget === '' ? inflateRawSync(bytes.subarray(headerBytes)) : undefined;
  expect(content?.length ?? 0).toBe(sizeBytes);
  return fileChecksum(header, content);
}

describe('objects, beside the real ostree', () => {
  it('reads every object and the summary the real tool writes, and writes them the same', () => {
    const directory = makeTempDir();
    const repo = join(directory, 'repo');
    ostree('init', `--repo=${repo}`, '--mode=archive');
    const source = makeSource(directory);
    const flags = ['--add-metadata-string=version=42.1', '--timestamp=2024-01-02T03:04:05Z', '--subject=ä', '--body=b'];
    const head = ostree(
      'commit',
      `--repo=${repo}`,
      '--branch=os/x86_64/stable',
      `--tree=dir=${source}`,
      ...flags,
    ).trim();
    ostree('commit', `--repo=${repo}`, '--branch=a', `--tree=dir=${source}`, '--skip-if-unchanged', '--parent=none');
    ostree('summary', `--repo=${repo}`, '-u');

    const types = new Map<ObjectType, number>();
    for (const [path, bytes] of objectsOf(repo)) {
      const name = parseObjectPath(path);
      if (name === undefined) throw new Error(`unexpected object ${path}`);
      expect(objectPath(name.checksum, name.type, true)).toBe(path);
      types.set(name.type, (types.get(name.type) ?? 0) + 1);
      expect(reencode(name.type, bytes)).toBe(name.checksum);
    }
    expect(Object.fromEntries(types)).toEqual({ commit: 2, dirtree: 3, dirmeta: 1, file: 5 });

    const commitPath = join(repo, 'objects', objectPath(head as Checksum, 'commit', true));
    const commit = decodeCommit(readFileSync(commitPath));
    expect([commitVersion(commit), commit.subject, commit.body]).toEqual(['42.1', 'ä', 'b']);
    expect(commit.timestampSeconds).toBe(Date.UTC(2024, 0, 2, 3, 4, 5) / 1000);
    expect(metadataStrings(commit, 'ostree.ref-binding')).toEqual(['os/x86_64/stable']);

    const summaryBytes = new Uint8Array(readFileSync(join(repo, 'summary')));
    const summary = decodeSummary(summaryBytes);
    expect([...summary.refs.keys()]).toEqual(['a', 'os/x86_64/stable']);
    expect(summary.refs.get('os/x86_64/stable')?.checksum).toBe(head);
    expect(summary.refs.get('os/x86_64/stable')?.commitSizeBytes).toBe(statSync(commitPath).size);
    expect(encodeSummary(summary)).toEqual(summaryBytes);
  });

  it('writes a repository with which the real tool is content', () => {
    const directory = makeTempDir();
    const repo = join(directory, 'repo');
    ostree('init', `--repo=${repo}`, '--mode=archive');
    const write = (checksum: Checksum, type: ObjectType, bytes: Uint8Array): Checksum => {
      const path = join(repo, 'objects', objectPath(checksum, type, true));
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, bytes);
      return checksum;
    };
    const add = (type: ObjectType, bytes: Uint8Array): Checksum => write(sha256Checksum(bytes), type, bytes);
    const addFile = (header: FileHeader, content: Uint8Array): Checksum => {
      const body = header.symlinkTarget === '' ? deflateRawSync(content) : new Uint8Array();
      const bytes = Buffer.concat([encodeFilezHeader(header, content.length), body]);
      return write(fileChecksum(header, content), 'file', bytes);
    };

    const owner = { uid: 1000, gid: 7, xattrs: [{ name: 'user.b', value: Uint8Array.of(0, 255) }] };
    const text = addFile({ ...owner, mode: 0o104755, symlinkTarget: '' }, Buffer.from('content'));
    const link = addFile({ ...owner, mode: 0o120777, symlinkTarget: '../x' }, new Uint8Array());
    const meta = add('dirmeta', encodeDirMeta({ ...owner, mode: 0o042775 }));
    const files = Array.from({ length: 400 }, (_, i) => ({ name: `f${i}`, checksum: i % 2 === 0 ? text : link }));
    const inner = add('dirtree', encodeDirTree({ files, directories: [] }));
    const names = ['z', 'ä', '\uFFEE', '😀'];
    const directories = names.map((name) => ({ name, tree: inner, meta }));
    const root = add('dirtree', encodeDirTree({ files: [{ name: 'file', checksum: text }], directories }));
    const commit: Commit = {
      metadata: new Map([['version', variant('s', '7.0')]]),
      parent: undefined,
      subject: 'by hand',
      body: '',
      timestampSeconds: 1_700_000_000,
      rootTree: root,
      rootMeta: meta,
    };
    const bytes = encodeCommit(commit);
    const head = add('commit', bytes);
    writeFileSync(join(repo, 'refs/heads/ours'), `${head}\n`);
    const metadata = new Map([['note', variant('s', 'hello')]]);
    const ref = { checksum: head, commitSizeBytes: bytes.length, metadata: new Map() };
    writeFileSync(join(repo, 'summary'), encodeSummary({ refs: new Map([['ours', ref]]), metadata }));

    expect(tryOstree('fsck', `--repo=${repo}`)).toMatchObject({ status: 0 });
    expect(ostree('ls', `--repo=${repo}`, '-R', '-X', 'ours')).toContain(
      "-04755 1000 7      7 { [(b'user.b', [byte 0x00, 0xff])]",
    );
    expect(ostree('show', `--repo=${repo}`, 'ours')).toContain('Version: 7.0');
    const view = ostree('summary', `--repo=${repo}`, '--view');
    expect(view).toContain('* ours');
    expect(view).toContain(`(${bytes.length} bytes)`);
    expect(view).toContain(head);

    const client = join(directory, 'client');
    ostree('init', `--repo=${client}`, '--mode=bare-user');
    ostree('remote', 'add', `--repo=${client}`, '--no-gpg-verify', 'origin', `file://${repo}`);
    expect(ostree('remote', 'refs', `--repo=${client}`, 'origin')).toBe('origin:ours\n');
    ostree('pull', `--repo=${client}`, 'origin', 'ours');
    expect(tryOstree('fsck', `--repo=${client}`)).toMatchObject({ status: 0 });
  });
});
