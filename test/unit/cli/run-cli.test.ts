import { describe, expect, it } from 'vitest';
import { runCommandLine } from '../../support/cli-context.ts';

const hint = 'hint: Nothing was changed; leave the option out\n';

describe('the command line', () => {
  it('prints its version in the form of the reference, without the agent', async () => {
    expect(await runCommandLine(['--version'])).toEqual({
      status: 0,
      stdout: "rpm-ostree:\n Version: '1.2.3'\n Features:\n  - ostree\n",
      stderr: '',
    });
  });

  it('lists the commands under both names', async () => {
    const own = await runCommandLine(['host', '--help'], { program: 'atomic' });
    const other = await runCommandLine(['--help']);
    expect(own.status).toBe(0);
    expect(own.stdout).toMatchInlineSnapshot(`
      "Usage: atomic host [options] [command]

      Commands for the operating system of this host.

      Options:
        -h, --help                   show this help

      Commands:
        status [options]             Show what is deployed and booted
        upgrade|update [options]     Fetch and deploy the newest version
        deploy [options] <revision>  Deploy a particular version or commit
        rollback [options]           Boot the previous deployment next
        cleanup [options]            Remove deployments and data that are not needed
        cancel [options]             Cancel the running transaction
        reload [options]             Let the agent read its settings again
      "
    `);
    const commands = (text: string): string => text.slice(text.indexOf('Commands:')).split('\n\n')[0] ?? '';
    expect(commands(other.stdout)).toBe(commands(own.stdout).trimEnd());
  });

  it('shows the options and examples of a command, and none that it refuses', async () => {
    const { status, stdout } = await runCommandLine(['host', 'upgrade', '--help'], { program: 'atomic' });
    expect(status).toBe(0);
    expect(stdout).toMatchInlineSnapshot(`
      "Usage: atomic host upgrade|update [options]

      Fetches the newest commit of the branch this host follows and makes it the next
      boot. What runs now, and the way back to it, are not touched. Ctrl-C cancels;
      what was fetched is kept for the next try.

      Options:
        -r, --reboot          reboot if there is something new to boot
        --allow-downgrade     accept a commit that is older than the deployed one
        --check               only say whether there is an update; 77 if not
        --preview             the same, with all that is known about it
        -C, --cache-only      deploy what was fetched before; do not use the network
        --download-only       fetch, do not deploy
        --unchanged-exit-77   exit with 77 if nothing new was deployed
        --stateroot <name>    work on this stateroot instead of the booted one
        --sysroot <dir>       work on this directory with an agent of our own, without
                              the bus
        --boot-record <file>  with --sysroot: a JSON file that says what counts as
                              booted
        --bus <address>       D-Bus address of the agent (default: the system bus)
        -q, --quiet           print errors only
        -h, --help            show this help

      Examples:
        atomic host upgrade                         # deploy the newest version for the next boot
        atomic host upgrade --check                 # is there one?
        atomic host upgrade --download-only         # fetch now …
        atomic host upgrade --cache-only --reboot   # … deploy and reboot at night
      "
    `);
    expect(stdout).not.toContain('--install');
  });

  it.each(['status', 'upgrade', 'deploy', 'rollback', 'cleanup', 'cancel', 'reload'])(
    'gives %s an example that names the program',
    async (name) => {
      expect((await runCommandLine([name, '--help'])).stdout).toMatch(new RegExp(`Examples:\n {2}rpm-ostree ${name}`));
    },
  );

  it.each<[string, string[], string]>([
    ['an unknown command', ['frobnicate'], "error: Unknown command 'frobnicate'\n"],
    ['an unknown option', ['status', '--frobnicate'], 'error: Unknown option --frobnicate\n'],
    ['an option of another command', ['status', '--reboot'], 'error: Unknown option --reboot\n'],
    ['a missing argument', ['deploy'], 'error: Too few or too many arguments\n'],
    ['too many arguments', ['deploy', 'a', 'b'], 'error: Too few or too many arguments\n'],
    ['an argument where none belongs', ['rollback', 'now'], 'error: Too few or too many arguments\n'],
    ['no command at all', [], 'error: No command specified\n'],
  ])('answers %s with the usage and status 1', async (_name, argv, error) => {
    const { status, stdout, stderr } = await runCommandLine(argv);
    expect(status).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^Usage: rpm-ostree /);
    expect(stderr.endsWith(error)).toBe(true);
  });

  it.each<[string[], string]>([
    [['install', 'vim'], "error: The command 'install' is not supported\nhint: Installing packages"],
    [['pkg-add', 'vim'], "error: The command 'pkg-add' is not supported\nhint: Installing packages"],
    [['kargs', '--append=a=b'], "error: The command 'kargs' is not supported\nhint: Changing kernel arguments"],
    [['upgrade', '--install', 'vim'], `error: upgrade: the option --install is not supported yet\n${hint}`],
    [['upgrade', '--bypass-driver'], `error: upgrade: the option --bypass-driver is not supported yet\n${hint}`],
    [['deploy', '1', '--preview'], `error: deploy: the option --preview is not supported yet\n${hint}`],
    [['status', '-J', '$.x'], `error: status: the option --jsonpath is not supported yet\n${hint}`],
    [['status', '-a'], `error: status: the option --advisories is not supported yet\n${hint}`],
  ])('refuses by name what rpm-ostree has and we have not: %s', async (argv, error) => {
    const { status, stderr } = await runCommandLine(argv);
    expect(status).toBe(1);
    expect(stderr.startsWith(error)).toBe(true);
  });

  it.each<[string[], string]>([
    [['cleanup'], 'error: At least one cleanup option must be specified\n'],
    [['upgrade', '--reboot', '--preview'], 'error: Cannot specify both --reboot and --preview\n'],
    [['upgrade', '-r', '--check-diff'], 'error: Cannot specify both --reboot and --preview\n'],
    [['upgrade', '-r', '--check'], 'error: Cannot specify both --reboot and --check\n'],
    [['upgrade', '-C', '--download-only'], 'error: Cannot specify both --cache-only and --download-only\n'],
    [['deploy', '1', '-C', '--download-only'], 'error: Cannot specify both --cache-only and --download-only\n'],
    [['status', '--sysroot=/a', '--bus=unix:path=/b'], 'error: Cannot specify both --sysroot and --bus\n'],
    [['status', '--boot-record=/a'], 'error: --boot-record is only for --sysroot\n'],
  ])('refuses what contradicts itself before it asks anybody: %s', async (argv, error) => {
    expect(await runCommandLine(argv)).toEqual({ status: 1, stdout: '', stderr: error });
  });

  it('says that the system was not booted from a deployment, and what to do', async () => {
    const { status, stderr } = await runCommandLine(['status'], { env: { container: 'podman' } });
    expect(status).toBe(1);
    expect(stderr).toBe(
      'error: This system was not booted via libostree; found container=podman environment variable.\n' +
        'Currently, most rpm-ostree commands only work on ostree-based host systems.\n' +
        'hint: To work on a directory instead: --sysroot DIR\n',
    );
  });

  it('takes options before the command, with and without a value', async () => {
    const seen: string[] = [];
    const openEmbedded = async ({ sysroot }: { sysroot: string }): Promise<never> => {
      seen.push(sysroot);
      return await Promise.reject(new Error('seen'));
    };
    const lines: readonly (readonly ['atomic' | 'rpm-ostree', string])[] = [
      ['rpm-ostree', '--sysroot /1 -v status'],
      ['rpm-ostree', '-q --sysroot=/2 upgrade --check'],
      ['rpm-ostree', '--boot-record host --sysroot status status'],
      ['rpm-ostree', '-r --sysroot /4 deploy --stateroot upgrade 43.1'],
      ['atomic', 'host --sysroot=/5 status'],
      ['atomic', 'host --sysroot /6 -q status'],
      ['atomic', '--sysroot /7 host status'],
      ['atomic', '-q --boot-record=/b --sysroot host host --stateroot status upgrade'],
      ['atomic', 'host status --sysroot /9'],
    ];
    for (const [program, line] of lines) await runCommandLine(line.split(' '), { openEmbedded, program });
    expect(seen).toEqual(['/1', '/2', 'status', '/4', '/5', '/6', '/7', 'host', '/9']);
    const buses = await Promise.all(
      (['--bus tcp:host=host host status', 'host --bus=tcp:host=host status'] as const).map(
        async (line) => (await runCommandLine(line.split(' '), { program: 'atomic' })).stderr,
      ),
    );
    for (const stderr of buses) expect(stderr).toMatch(/^error: Unsupported D-Bus address "tcp:host=host"\n/);
  });

  it.each<['atomic' | 'rpm-ostree', string, string]>([
    ['rpm-ostree', '--sysroot /x', 'No command specified'],
    ['rpm-ostree', '-q', 'No command specified'],
    ['rpm-ostree', '--sysroot status', 'No command specified'],
    ['atomic', '--bus=x -q', 'No command specified'],
    ['atomic', '--sysroot /x host', 'No "host" subcommand specified'],
    ['atomic', 'host --sysroot status', 'No "host" subcommand specified'],
    ['rpm-ostree', '--frobnicate', 'Unknown option --frobnicate'],
    ['rpm-ostree', '--sysroot /x frobnicate status', "Unknown command 'frobnicate'"],
    ['rpm-ostree', '--sysroot /x kargs', "The command 'kargs' is not supported"],
    ['atomic', '--sysroot /x host frobnicate', "Unknown command 'frobnicate'"],
  ])('says what is wrong with a command line of %s that begins with options: %s', async (program, line, error) => {
    const { status, stderr } = await runCommandLine(line.split(' '), { program });
    expect(status).toBe(1);
    expect(stderr).toContain(`error: ${error}\n`);
  });

  it('names what an older atomic could do and this one cannot', async () => {
    const { status, stderr } = await runCommandLine(['images', 'list'], { program: 'atomic' });
    expect(status).toBe(1);
    expect(stderr).toContain("error: The command 'images' is not part of this program");
    const forgotten = await runCommandLine(['upgrade'], { program: 'atomic' });
    expect(forgotten.stderr.startsWith("error: The command 'upgrade'")).toBe(false);
    expect(forgotten.stderr).toContain('hint: Did you mean: atomic host upgrade');
  });

  it('strips what could steer a terminal from an error', async () => {
    const openEmbedded = async (): Promise<never> =>
      await Promise.reject(new Error('bad \u001B[31mremote\u0007\r\u202Egnp\u009B2J'));
    const { stderr } = await runCommandLine(['status', '--sysroot', '/x'], { openEmbedded });
    expect(stderr).toBe('error: bad [31mremotegnp2J\n');
  });
});
