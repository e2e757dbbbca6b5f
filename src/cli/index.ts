/**
 * cli: the commands `atomic host …` and, under the name `rpm-ostree`, the same verbs. Asks the agent and draws the
 * answer; it has no power of its own: the stream to write to, the clock, Ctrl-C and the embedded agent are handed in
 * by `bin` as a {@link CliContext}. What is drawn comes from pure functions of the dictionaries on the wire, and every
 * text that another machine sent loses its control characters before it reaches a terminal.
 *
 * Statuses: 0; 1 for every error, with `error: <sentence>` and a hint on stderr; 77 where an option asked for it.
 */
export type { CliContext, EmbeddedAgent, EmbeddedOptions, Screen } from './context.ts';
export { runCli } from './run-cli.ts';
