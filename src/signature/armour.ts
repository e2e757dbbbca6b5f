const patterns = {
  'PUBLIC KEY BLOCK': /-----BEGIN PGP PUBLIC KEY BLOCK-----([\s\S]*?)-----END PGP PUBLIC KEY BLOCK-----/g,
  SIGNATURE: /-----BEGIN PGP SIGNATURE-----([\s\S]*?)-----END PGP SIGNATURE-----/g,
} as const;

/** The content of each armoured block of a text: what stands between the blank line and the checksum line, in base64. */
export function armouredBlocks(text: string, kind: keyof typeof patterns): readonly Uint8Array[] {
  return [...text.matchAll(patterns[kind])].map(([, body = '']) => {
    const lines = body.split('\n').map((line) => line.trim());
    const blank = lines.indexOf('', 1);
    const data = lines.slice(blank < 0 ? 1 : blank + 1).filter((line) => !line.startsWith('='));
    return new Uint8Array(Buffer.from(data.join(''), 'base64'));
  });
}
