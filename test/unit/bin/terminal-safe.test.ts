import { describe, expect, it } from 'vitest';
import { terminalSafe } from '../../../src/bin/terminal-safe.ts';

const hostile = 'Subject\u001B]0;title\u0007\u001B[31m red\u009B2J\u202Egnp.exe\r\n\tbody\n';

describe('text from other machines', () => {
  it('cannot control a terminal, but keeps its lines and tabs', () => {
    expect(terminalSafe({ isTTY: true })(hostile)).toBe('Subject]0;title[31m red2Jgnp.exe\n\tbody\n');
  });

  it('reaches a pipe or a file as it is', () => {
    expect(terminalSafe({ isTTY: false })(hostile)).toBe(hostile);
    expect(terminalSafe({})(hostile)).toBe(hostile);
  });

  it('is left alone where bytes were asked for', () => {
    const bytes = new Uint8Array([0x1b, 0x5b, 0x41]);
    expect(terminalSafe({ isTTY: true })(bytes)).toBe(bytes);
  });
});
